"""What the rules need from Redis: the session registry, the bus, and services that are shared out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol

from roost.protocol.jid import Jid


class SessionRecord(NamedTuple):
    """One session as the registry knows it."""

    resource: str
    sid: str
    pod: str
    generation: int
    priority: int | None
    """None before the first available presence and after an unavailable one."""
    interested: bool
    """True once the client has asked for its roster (RFC 6121 section 2.2)."""
    ended: bool
    """True from the session's end until the presence service has told everyone."""


class Presence(NamedTuple):
    """The last available presence of one resource."""

    resource: str
    raw: bytes
    """The stanza's bytes, `from` stamped, without `to`."""


class Choice(Enum):
    """Which of an account's sessions a stanza is for; the value is the wire's word."""

    RESOURCE = "r"
    """The one of that resource, available or not (RFC 6121 section 8.5.3.1)."""
    MOST_AVAILABLE = "m"
    """Those with the highest priority that is not negative (section 8.5.2.1.1)."""
    ALL_AVAILABLE = "a"
    """All with a priority that is not negative."""
    ANY_AVAILABLE = "n"
    """All available ones, negative priorities too."""
    INTERESTED = "i"
    """Those that asked for the roster."""


class Bus(Protocol):
    """Stanzas to sessions, wherever they are."""

    def deliver(
        self,
        bare: str,
        choices: str,
        resource: str,
        stanza: bytes,
        done: Callable[[int], None],
        *,
        store: bool,
    ) -> None:
        """Append `stanza` to the queue of each chosen session of `bare` and publish it.

        `choices` holds the values of the choices to try in turn, until one finds somebody; `resource`
        counts for Choice.RESOURCE alone. `store` says that a stanza nobody takes goes to the offline store.
        `done` hears how many sessions took it, in the order of the calls for one `bare`:
        0 for none, an exception object when Redis could not be asked. Never blocks.
        """
        ...

    async def deliver_now(self, bare: str, choice: Choice, resource: str, stanza: bytes) -> int:
        """`deliver` for those who wait for the answer. Raises BusUnavailable."""
        ...


class BusUnavailable(Exception):  # noqa: N818 - a state, not a bug
    """Redis could not be reached in time."""


class Registry(Protocol):
    """Who is online, where."""

    async def sessions(self, bares: Sequence[str]) -> list[list[SessionRecord]]:
        """The sessions of each bare JID, in the order asked, in one round trip; ended ones included."""
        ...

    async def presences(self, bares: Sequence[str]) -> list[list[Presence]]:
        """The available presences of each bare JID, in the order asked, in one round trip."""
        ...


class Bound(NamedTuple):
    """What entering a session into the registry found."""

    accepted: bool
    """False when the account has all the sessions it may have."""
    replaced: str | None
    """The id of the session that held the resource and gave way."""


class Rest(NamedTuple):
    """Stanzas from an ended session's queue: a part of what it was to get and did not."""

    stanzas: tuple[bytes, ...]
    """In order."""
    behind: int
    """The position behind the last of them."""
    positions: tuple[int, ...]
    """Each one's position in the queue."""


class Leftover(NamedTuple):
    """What an ended session leaves behind."""

    record: SessionRecord
    presence: bytes | None
    """Its last available presence, `from` stamped, without `to`; None when it was not available."""
    directed: tuple[str, ...]
    """Those it sent directed presence, as they were addressed."""


class SessionRegistry(Protocol):
    """The registry as a connection manager writes it. Every write names the session's id and does
    nothing when the record is not that session's any more: a late old owner is fenced out."""

    async def bind(self, jid: Jid, sid: str, pod: str, state: str = "", presence: bytes = b"") -> Bound:
        """Enter a session under its full JID; raises BusUnavailable.

        `state` and `presence` are those of a session entered again after Redis came back empty.
        """
        ...

    def available(
        self, jid: Jid, sid: str, priority: int, presence: bytes, done: Callable[[Any], None]
    ) -> None:
        """Note a session's available presence; `done` hears 1, or 0 when the session is not there."""
        ...

    def unavailable(self, jid: Jid, sid: str, done: Callable[[Any], None]) -> None:
        """Note that a session is connected but not available."""
        ...

    def directed(self, jid: Jid, sid: str, to: str, done: Callable[[Any], None], *, available: bool) -> None:
        """Note that directed presence went to `to` (RFC 6121 section 4.6.3)."""
        ...

    async def interested(self, jid: Jid, sid: str) -> None:
        """Note that a session has asked for the roster (RFC 6121 section 2.2); raises BusUnavailable."""
        ...

    async def end(self, jid: Jid, sid: str) -> bool:
        """Mark a session as ended; False when it had no live record. Raises BusUnavailable."""
        ...


class Carried(Protocol):
    """A session's place in its queue."""

    def resume(self) -> None:
        """The client reads again: go on with what waited in the queue."""
        ...

    def settle(self) -> None:
        """The client has got all that it was given: take that off the queue."""
        ...

    def trim(self) -> bool:
        """Take off the queue what the client's machine has got; True when that was all."""
        ...


class Sink(Protocol):
    """A session, as what carries its stanzas to it sees it."""

    def take(self, stanza: bytes) -> bool:
        """Write a stanza to the client; False asks for a pause after it, until `Carried.resume`."""
        ...

    def flushed(self) -> bool:
        """Whether the client's machine has got all that was taken."""
        ...

    def mark(self) -> int | None:
        """A mark behind all that was taken, for `passed`; None when it cannot be told now."""
        ...

    def passed(self, mark: int) -> bool:
        """Whether the client's machine has got all that was taken before the mark."""
        ...

    def told(self, verb: str, argument: str) -> None:
        """Hear a notice: `close` with a stream error's condition, or `drain`."""
        ...


class Carrier(Protocol):
    """Brings the stanzas of queues to the sessions on this pod."""

    def attach(self, bare: str, sid: str, sink: Sink) -> Carried:
        """Begin to carry for a session; what is sent to Redis afterwards runs with its channel heard."""
        ...

    def detach(self, sid: str) -> None:
        """Carry no longer; what was not taken stays in the queue."""
        ...


class ServiceStream(Protocol):
    """The way in to a sharded service, such as presence."""

    async def append(self, key: str, entry: bytes) -> None:
        """Put `entry` on the shard of `key` (a bare JID); returned means it will be handled once.

        Raises BusUnavailable.
        """
        ...

    async def forward(self, shard: int, entries: Sequence[tuple[str, bytes, int]]) -> None:
        """`append` for what the service itself makes while it handles entries of `shard`, each once.

        `entries` are (key, entry, mark), in the order of their marks, which go up with what that shard
        handles: one whose mark is not above the last one from there is dropped, since its maker had died and
        is being done again. Raises BusUnavailable; some may have got there, and are dropped when all are
        forwarded again.
        """
        ...

    def post(self, key: str, entry: bytes, done: Callable[[Any], None]) -> None:
        """`append` for those who cannot wait; `done` hears a position, or an exception. Never blocks."""
        ...


class RateLimit(Protocol):
    """Limits that hold for the whole cluster."""

    async def take(self, name: str, limit: int, seconds: int) -> bool:
        """Count one event of `name`; False when there were more than `limit` within `seconds`.

        Raises BusUnavailable.
        """
        ...

    async def allowed(self, *limits: tuple[str, int]) -> bool:
        """Whether, for each (name, limit), fewer than `limit` events are counted now; counts nothing.

        Raises BusUnavailable.
        """
        ...


class PresenceRegistry(Registry, Protocol):
    """The registry as the presence service uses it."""

    async def leftover(self, jid: Jid, sid: str) -> Leftover | None:
        """What an ended session leaves behind, but for its queue; None when there is no such session.

        Raises BusUnavailable. A session that is still live in the registry, as a dead pod's are, is marked
        as ended first.
        """
        ...

    async def forget(self, jid: Jid, sid: str, pod: str, behind: int) -> Rest | None:
        """Remove all that an ended session left behind, once its queue up to `behind` was handed on.

        None when it is gone; else what comes next in the queue, to be handed on first; to begin with,
        `behind` is 0. While a session leaves something over, messages for its account follow it there, so
        that none overtakes. Raises BusUnavailable.
        """
        ...

    async def directed_to(self, jid: Jid, sid: str) -> tuple[str, ...]:
        """Those a live session sent directed presence, as they were addressed. Raises BusUnavailable."""
        ...

    def directed(self, jid: Jid, sid: str, to: str, done: Callable[[Any], None], *, available: bool) -> None:
        """Note that directed presence went to `to`, or that it was taken back."""
        ...


class Leftovers(Protocol):
    """What waits in the queues of ended sessions, on its way to others, each entry once."""

    async def hand_on(
        self, owner: Jid, sid: str, position: int, stanza: bytes, choices: str, resource: str, *, store: bool
    ) -> int:
        """`Bus.deliver` to the other sessions of the account, for a stanza at `position` of a queue.

        `owner` and `sid` are those of the session that ended. Returns how many sessions took it, and then it
        is off the queue; 0 for none; -1 for one that was off it already: its predecessor who handed it on has
        died. Raises BusUnavailable.
        """
        ...

    def take_off(self, owner: Jid, sid: str, position: int) -> None:
        """Take a stanza that has arrived elsewhere off the queue. Never blocks."""
        ...


class Fanout(Protocol):
    """Presence for many sessions at once, sent once to each of their pods."""

    def presence(
        self,
        shard: int,
        entry: int,
        place: int,
        before: bytes,
        after: bytes,
        receivers: Iterable[SessionRecord],
    ) -> None:
        """Collect one stanza for sessions; each is written `before`, its own full JID, `after`.

        `shard`, `entry` (its position) and `place` (the stanza's number among those of the entry, going
        up) tell a repetition after a shard's owner died: a pod drops what it had.
        """
        ...

    async def flush(self) -> None:
        """Send all that was collected, in the order of the calls; raises BusUnavailable."""
        ...


ENTRIES_TOGETHER = 100
"""How many entries a ShardHandler gets at the most."""


class ShardHandler(Protocol):
    """One shard of a service in the hands of this process; made anew each time the shard is taken."""

    async def handle(self, entries: Sequence[tuple[int, bytes]]) -> int:
        """Handle entries (position, bytes) in order; returns how many, from the first, are finished.

        At least one; the others come again with the next call. Raises BusUnavailable or
        StoreUnavailable when it could not go on: all come again.
        """
        ...


class OfflinePassage(Protocol):
    """The way of messages between the bus and the offline store, where it concerns Redis."""

    def stored(self, bare: str, *, failed: int = 0) -> None:
        """A message that the bus found nobody for is in the store, or `failed` ones never got there.

        When somebody has come meanwhile, their pod is told to fetch.
        """
        ...

    async def hand_on(self, bare: str, message: int, stanza: bytes) -> int:
        """Append a stored message to the queues of the account's most available sessions, once.

        `message` is its id in the store. Returns how many sessions took it, 0 when nobody is there to,
        -1 when it was handed on before (by somebody who died before the store forgot it, or who is at
        it now). Raises BusUnavailable.
        """
        ...

    async def drained(self, bare: str, messages: Sequence[int]) -> None:
        """These messages were handed on and the store has forgotten them; raises BusUnavailable."""
        ...
