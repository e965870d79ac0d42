"""A session's end: everyone who had its presence hears of it once, and what it left behind finds its way.

However a session ended (closed, replaced, its pod killed) there is an entry `ended`; the registry
keeps the session's record until this has been done, so a second entry for it finds nothing.
"""

from __future__ import annotations

from roost.core.ports import Leftover
from roost.features.presence.broadcast import with_targets
from roost.features.presence.introductions import unavailable
from roost.features.presence.spill import Spill
from roost.features.presence.turn import Turn
from roost.protocol.envelope import PresenceEntry
from roost.protocol.jid import Jid
from roost.protocol.stanza import START_TAG


class Endings:
    """Handles the entries `ended`."""

    def __init__(self, spill: Spill) -> None:
        """`spill` gives what the session did not get to those who may have it."""
        self._spill = spill

    async def load(self, turn: Turn, entry: PresenceEntry) -> None:
        """Read what the session left behind; raises BusUnavailable."""
        found = await turn.registry.leftover(Jid.parse(entry.subject), entry.sid)
        turn.leftovers[entry.subject, entry.sid] = found

    async def ended(self, turn: Turn, entry: PresenceEntry) -> None:
        """Tell of the end, hand on the rest, forget the session (RFC 6121 sections 4.5.2 and 4.6.3)."""
        leftover = turn.leftovers.get((entry.subject, entry.sid))
        if leftover is None or entry.sid in turn.over:
            return  # told before
        turn.over.add(entry.sid)
        jid = Jid.parse(entry.subject)
        await self._tell(turn, entry, jid, leftover)
        turn.afterwards(lambda: self._clear(turn, jid, entry.sid, leftover))

    async def _clear(self, turn: Turn, jid: Jid, sid: str, leftover: Leftover) -> None:
        """Hand on what is left over, and what comes meanwhile, part by part and in order; then forget it."""
        behind = 0
        while (rest := await turn.registry.forget(jid, sid, leftover.record.pod, behind)) is not None:
            await self._spill.hand_on(jid, sid, rest)
            behind = rest.behind

    async def _tell(self, turn: Turn, entry: PresenceEntry, jid: Jid, leftover: Leftover) -> None:
        known = []
        if leftover.presence is not None:
            circle = await turn.circle(jid.bare)
            known = await turn.receivers([*circle.subscribers, jid.bare])
        receivers = [
            record
            for record in await with_targets(turn, known, leftover.directed)
            # a new session that took over the resource would hear that it is gone itself
            if record.sid != entry.sid and not _successor(turn, jid, record.sid)
        ]
        turn.send(_final(entry), receivers)


def _final(entry: PresenceEntry) -> bytes:
    """The client's own last words if it said goodbye by a broadcast, else ours."""
    tag = START_TAG.match(entry.raw)
    if tag is not None and b"unavailable" in tag[0] and b" to=" not in tag[0] and b" from=" in tag[0]:
        return entry.raw
    return unavailable(entry.subject)


def _successor(turn: Turn, jid: Jid, sid: str) -> bool:
    own = turn.known_records(jid.bare)
    return any(record.sid == sid and record.resource == jid.resource for record in own)
