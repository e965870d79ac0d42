"""The receivers of one process, what they wait for, and what Locust is told of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from loadtest.delivery.flow import Arrival, Flow, LatestFlow
from loadtest.delivery.stamp import Stamp, meant_for

MESSAGE = "message (end to end)"
PRESENCE = "presence (end to end)"
RETURNED = "message (returned)"
"""Not lost: the sender has been told by an error."""
LOST = "lost"
TWICE = Arrival.TWICE.value
DISORDERED = Arrival.DISORDERED.value


class Claim(NamedTuple):
    """That something was sent; travels between workers as a plain list."""

    kind: str
    """MESSAGE or PRESENCE was sent, or a message was RETURNED."""
    receiver: str
    """The address, `account/resource`."""
    flow: str
    number: int
    sent_at: float


class Report(Protocol):
    """Told of each thing that arrived, or did not (`failure` says how)."""

    def __call__(self, name: str, seconds: float | None, size: int = 0, failure: str | None = None) -> None:
        """`size` in bytes."""


@dataclass(slots=True)
class _Account:
    """Who gets messages: whichever of the sessions has one, the account has it."""

    sessions: set[str] = field(default_factory=set)
    online_since: float | None = None
    flows: dict[str, Flow] = field(default_factory=dict)


@dataclass(slots=True)
class _Session:
    """Who gets presence, while it is online: of contacts that have been seen."""

    flows: dict[str, LatestFlow] = field(default_factory=dict)


class Ledger:
    """All receivers of this process; addresses are `account/resource`, times seconds since 1970."""

    def __init__(self, report: Report, clock: Callable[[], float], deadline: float) -> None:
        """What has not come `deadline` seconds after it was sent, or after its receiver came online if
        that is later, is lost."""
        self._report = report
        self._clock = clock
        self._deadline = deadline
        self._accounts: dict[str, _Account] = {}
        self._sessions: dict[str, _Session] = {}

    # --- receivers ---

    def online(self, address: str) -> None:
        """This session listens from now on; presence from before is not news."""
        now = self._clock()
        account = self._accounts.setdefault(_account(address), _Account())
        account.sessions.add(address)
        if account.online_since is None:
            account.online_since = now
        self._sessions[address] = _Session()

    def offline(self, address: str) -> None:
        """It does not listen, for a while; the account's messages wait for it, or go to another session."""
        self._sessions.pop(address, None)
        account = self._accounts.get(_account(address))
        if account is not None:
            account.sessions.discard(address)
            if not account.sessions:
                account.online_since = None

    def forget(self, address: str) -> None:
        """The account will not come back; what is under way to it is nobody's loss."""
        self._sessions.pop(address, None)
        self._accounts.pop(_account(address), None)

    # --- what happens ---

    def claim(self, claim: Claim) -> None:
        """Something was sent to one of ours; a receiver that is not here is passed over."""
        if claim.kind == PRESENCE:
            session = self._sessions.get(claim.receiver)
            if session is not None and claim.flow in session.flows:
                session.flows[claim.flow].claim(claim.number, claim.sent_at)
            return
        account = self._accounts.get(_account(claim.receiver))
        if account is None:
            return
        flow = account.flows.setdefault(claim.flow, Flow())
        if claim.kind == MESSAGE:
            flow.claim(claim.number, claim.sent_at)
        else:
            flow.excuse(claim.number)

    def message(self, address: str, stamp: Stamp, size: int) -> None:
        """A message has arrived at a session.

        One that its session could not take any more may go to several others (RFC 6121 section
        8.5.3.2.1): these are copies, and it did not come twice.
        """
        account = self._accounts.get(_account(address))
        if account is None:
            return
        arrival = account.flows.setdefault(stamp.flow, Flow()).arrived(stamp.number)
        copied = arrival is Arrival.TWICE and not meant_for(stamp.flow, address.partition("/")[2])
        if arrival is Arrival.LATE or copied:
            return
        failure = None if arrival is Arrival.NEW else arrival.value
        self._report(MESSAGE, max(self._clock() - stamp.sent_at, 0.0), size, failure)

    def presence(self, address: str, stamp: Stamp, size: int) -> None:
        """A contact's presence has arrived, or again one that is known.

        The first of a contact is not measured: it may be that of long ago, shown to a new subscriber.
        """
        session = self._sessions.get(address)
        if session is None:
            return
        flow = session.flows.get(stamp.flow)
        if flow is None:
            flow = session.flows[stamp.flow] = LatestFlow()
            flow.arrived(stamp.number)
        elif flow.arrived(stamp.number):
            self._report(PRESENCE, max(self._clock() - stamp.sent_at, 0.0), size)

    # --- judgement ---

    def judge(self) -> None:
        """Report as lost what is overdue."""
        before = self._clock() - self._deadline
        for account in self._accounts.values():
            if account.online_since is not None and account.online_since < before:
                self._lose(MESSAGE, _overdue(account.flows.values(), before))
        for session in self._sessions.values():
            self._lose(PRESENCE, _overdue(session.flows.values(), before))

    def _lose(self, name: str, count: int) -> None:
        for _ in range(count):
            self._report(name, None, failure=LOST)

    def open(self) -> int:
        """How much is under way to receivers that listen."""
        listening = (account for account in self._accounts.values() if account.online_since is not None)
        messages = sum(flow.open() for account in listening for flow in account.flows.values())
        return messages + sum(
            flow.open() for session in self._sessions.values() for flow in session.flows.values()
        )


def _account(address: str) -> str:
    return address.partition("/")[0]


def _overdue(flows: Iterable[Flow | LatestFlow], sent_before: float) -> int:
    return sum(flow.overdue(sent_before) for flow in flows)
