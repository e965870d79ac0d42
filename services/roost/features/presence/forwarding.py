"""From one account's shard to another's: what the one's server says to the other's."""

from __future__ import annotations

from collections.abc import Callable

from roost.core.ports import ServiceStream
from roost.features.presence.circles import Hosted
from roost.features.presence.turn import Turn
from roost.protocol.envelope import NOTHING, PresenceEntry, encode_entry
from roost.protocol.xml import escape_attribute

# An entry forwards at most one stanza of a type, in this order; so its position and this make a mark.
_MARKS = {
    type: place
    for place, type in enumerate(("probe", "subscribe", "subscribed", "unsubscribe", "unsubscribed"))
}
_KINDS = 8


class Forwarding:
    """Appends the entries `in-…` to the shard of whom they are for."""

    def __init__(self, stream: ServiceStream, hosted: Hosted, dropped: Callable[[str], None]) -> None:
        """`stream` is the presence service's own; `dropped` hears of what goes no further."""
        self._stream = stream
        self._hosted = hosted
        self._dropped = dropped

    def reaches(self, bare: str) -> bool:
        """Whether presence can be had from, and sent to, that account."""
        return self._hosted(bare)

    def forward(self, turn: Turn, type: str, to: str, raw: bytes, at: int, extra: str = NOTHING) -> None:
        """Hand a stanza of that type to the account `to`, with the turn's others.

        The one place where stanzas for other servers drop out, until there is federation.
        """
        if not self.reaches(to):
            self._dropped("elsewhere")
            return
        entry = PresenceEntry(f"in-{type}", to, NOTHING, at, extra, raw)
        mark = turn.position * _KINDS + _MARKS[type]
        turn.forwards.append((to, encode_entry(entry), mark))

    async def send(self, turn: Turn) -> None:
        """Append what a turn forwards; raises BusUnavailable."""
        if turn.forwards:
            await self._stream.forward(turn.shard, turn.forwards)

    def say(
        self,
        turn: Turn,
        type: str,
        sender: str,
        to: str,
        at: int,
        id: str | None = None,
        extra: str = NOTHING,
    ) -> None:
        """Forward a stanza that the server makes on behalf of `sender`."""
        self.forward(turn, type, to, stanza(type, sender, to, id), at, extra)


def stanza(type: str, sender: str, to: str, id: str | None = None) -> bytes:
    """A presence stanza between bare JIDs."""
    said = f" id='{escape_attribute(id)}'" if id else ""
    addresses = f"from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
    return f"<presence {addresses} type='{type}'{said}/>".encode()
