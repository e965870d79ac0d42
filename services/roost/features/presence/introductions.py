"""Presence that is read from the registry and shown to a session, instead of probing for it.

RFC 6121 section 4.3.1: a server may leave out probes where it knows the presence anyway. What was
read may be stale when it arrives: the contact's own shard may have told of something newer
between the reading and the sending. So everything shown is read again after it was sent, and what
has changed meanwhile is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from roost.core.ports import SessionRecord
from roost.features.presence.turn import Turn
from roost.protocol.xml import escape_attribute

_ROUNDS = 5  # each needs a contact that changes its presence within a round trip to Redis

_Shown = dict[str, dict[str, bytes]]


class Introductions:
    """What one turn shows to sessions from the registry."""

    def __init__(self, turn: Turn) -> None:
        """Belongs to one turn."""
        self._turn = turn
        self._read: _Shown = {}
        self._made: list[tuple[Sequence[SessionRecord], Sequence[str], str]] = []

    async def load(self, bares: Iterable[str]) -> None:
        """Read the presences of these accounts, in one round trip, where that was not done yet."""
        missing = [bare for bare in bares if bare not in self._read]
        if missing:
            self._read.update(await self._presences(missing))

    def resources(self, bare: str) -> list[str]:
        """The resources of an account that was loaded which had an available presence."""
        return list(self._read[bare])

    async def show(self, contacts: Sequence[str], to: Sequence[SessionRecord], but: str = "") -> None:
        """Show the available presences of `contacts` to sessions; that of the full JID `but` is left out."""
        if not to:
            return
        await self.load(contacts)
        for contact in contacts:
            for resource, presence in self._read[contact].items():
                if f"{contact}/{resource}" != but:
                    self._turn.send(presence, to)
        self._made.append((to, contacts, but))

    async def verify(self) -> None:
        """Send what was shown, and put right what has changed since it was read."""
        for _ in range(_ROUNDS):
            if not self._made:
                return
            await self._turn.flush()
            now = await self._presences(
                {contact for _to, contacts, _but in self._made for contact in contacts}
            )
            self._made = [one for one in self._made if self._correct(*one, now)]
            self._read.update(now)

    def _correct(self, to: Sequence[SessionRecord], contacts: Sequence[str], but: str, now: _Shown) -> bool:
        """Send the differences between what was shown and `now`; says whether there were any."""
        any_ = False
        for contact in contacts:
            shown, current = self._read[contact], now[contact]
            if shown == current:
                continue
            for resource, presence in shown.items():
                full = f"{contact}/{resource}"
                # one that has come since tells of itself: its shard found `to` in the registry
                newer = current.get(resource)
                if newer != presence and full != but:
                    any_ = True
                    self._turn.send(unavailable(full) if newer is None else newer, to)
        return any_

    async def _presences(self, bares: Iterable[str]) -> _Shown:
        asked = list(bares)
        read = await self._turn.registry.presences(asked)
        return {
            bare: {one.resource: one.raw for one in presences}
            for bare, presences in zip(asked, read, strict=True)
        }


def unavailable(full: str) -> bytes:
    """The unavailable presence that the server sends for a session (RFC 6121 section 4.5.2)."""
    return f"<presence from='{escape_attribute(full)}' type='unavailable'/>".encode()
