"""Where a client's stanza goes (RFC 6120 section 10, RFC 6121 section 8)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from roost.core.delivery import Absent, plan
from roost.core.ports import Bus
from roost.protocol.errors import JidMalformed, StanzaError
from roost.protocol.jid import Jid
from roost.protocol.stanza import Stanza, error_reply
from roost.runtime.figures import Figures

Reply = Callable[[bytes], None]
"""Gives a stanza to whoever sent the one at hand."""


@dataclass(frozen=True, slots=True)
class AbsentMessage:
    """A message that no session took and that may be kept."""

    stanza: Stanza
    stamped: bytes
    """The stanza's bytes with `from`."""
    sender: Jid
    to: Jid
    reply: Reply


Keep = Callable[[AbsentMessage], None]
"""Keeps a message for an absent user, or answers why not. Never blocks."""


class Router:
    """Sends messages, and iqs between clients, to sessions anywhere in the cluster."""

    def __init__(self, bus: Bus, domains: frozenset[str], keep: Keep) -> None:
        """`domains` are those this cluster answers for."""
        self._bus = bus
        self.domains = domains
        self._keep = keep
        self.delivered, self.absent, self.failed = ({"message": 0, "iq": 0} for _ in range(3))
        """What became of stanzas, by kind."""
        self.unmissed = 0
        """Those of a kind that nobody misses, and that nobody took."""
        self.unanswerable = 0
        """Errors and results that could not be put on the bus."""

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "stanzas_routed": lambda: {
                (kind, outcome): count
                for outcome in ("delivered", "absent", "failed")
                for kind, count in getattr(self, outcome).items()
            },
            "drops": lambda: {"nobody": self.unmissed, "unanswerable": self.unanswerable},
        }

    def address(self, text: str) -> Jid:
        """Whom a stanza is for whose `to` is that text. Raises StanzaError."""
        try:
            to = Jid.parse(text)
        except JidMalformed as error:
            raise StanzaError("jid-malformed", str(error)) from None
        if to.domain not in self.domains:
            # RFC 6120 section 10.4: no other server is reachable from here
            raise StanzaError("remote-server-not-found")
        return to

    def send(self, stanza: Stanza, stamped: bytes, sender: Jid, to: Jid, reply: Reply) -> None:
        """Send a message or an iq to an account's sessions; `reply` hears the error when nobody takes it."""
        chosen = plan(stanza.kind, stanza.type, to.resource is not None)
        outcome = _Outcome(self, stanza, stamped, sender, to, reply, chosen.absent)
        store = chosen.absent is Absent.STORE
        if chosen.choices:
            self._bus.deliver(to.bare, chosen.choices, to.resource or "", stamped, outcome, store=store)
        else:
            outcome(0)

    def nobody(self, outcome: _Outcome) -> None:
        """Apply the rules for a stanza that no session took."""
        stanza, absent = outcome.stanza, outcome.absent
        if absent is Absent.STORE:
            self._keep(AbsentMessage(stanza, outcome.stamped, outcome.sender, outcome.to, outcome.reply))
        elif absent is Absent.ERROR:
            outcome.reply(error_reply(stanza, StanzaError("service-unavailable"), outcome.sender.full))
        else:
            self.unmissed += 1


class _Outcome:
    """Hears how many sessions took one stanza."""

    __slots__ = ("_router", "absent", "reply", "sender", "stamped", "stanza", "to")

    def __init__(
        self,
        router: Router,
        stanza: Stanza,
        stamped: bytes,
        sender: Jid,
        to: Jid,
        reply: Reply,
        absent: Absent,
    ) -> None:
        self._router = router
        self.stanza = stanza
        self.stamped = stamped
        self.sender = sender
        self.to = to
        self.reply = reply
        self.absent = absent

    def __call__(self, taken: Any) -> None:
        router = self._router
        if taken.__class__ is int:
            if taken:
                router.delivered[self.stanza.kind] += 1
            else:
                router.absent[self.stanza.kind] += 1
                router.nobody(self)
            return
        router.failed[self.stanza.kind] += 1
        if self.stanza.type != "error" and self.stanza.type != "result":
            # whether the stanza arrived is not known: the sender hears of it, nothing vanishes in silence
            error = StanzaError("resource-constraint", "the message bus cannot be reached")
            self.reply(error_reply(self.stanza, error, self.sender.full))
        else:
            router.unanswerable += 1
