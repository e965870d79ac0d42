"""Presence that a client sends: initial, changed, unavailable and directed (RFC 6121 section 4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from roost.core.ports import Bus, Choice, SessionRecord
from roost.features.presence.circles import Hosted
from roost.features.presence.introductions import Introductions, unavailable
from roost.features.presence.turn import Turn
from roost.protocol.envelope import AGAIN, FIRST, PresenceEntry
from roost.protocol.errors import JidMalformed
from roost.protocol.jid import Jid
from roost.protocol.stanza import without_attribute
from roost.protocol.xml import parse

INITIAL = frozenset({FIRST, AGAIN})


def is_change(entry: PresenceEntry) -> bool:
    """Whether a session that is available already says something new; most presence is that."""
    return entry.verb == "available" and entry.extra not in INITIAL


class Broadcast:
    """Carries a session's presence to those who are to have it."""

    def __init__(self, bus: Bus, hosted: Hosted, dropped: Callable[[str], None]) -> None:
        """`bus` takes subscription requests to sessions; presence goes through the turn. `dropped` hears of
        presence that goes to nobody."""
        self._bus = bus
        self._hosted = hosted
        self._dropped = dropped

    async def available(self, turn: Turn, introductions: Introductions, entry: PresenceEntry) -> None:
        """Broadcast available presence (RFC 6121 sections 4.2.2 and 4.4.2)."""
        if is_change(entry) and await self._changed(turn, entry):
            return
        own = await self._session(turn, entry)
        if own is None:
            return
        circle = await turn.circle(entry.bare)
        # to the user's own available resources too, the one that speaks included (section 4.2.2)
        turn.send(entry.raw, [*await turn.receivers(circle.subscribers), *_own(turn, entry)])
        if entry.extra in INITIAL and not own.ended:
            if entry.extra == AGAIN:
                _forget(turn, circle.subscriptions, own)
            await introductions.show([entry.bare, *circle.subscriptions], [own], but=entry.subject)
            for request in circle.requests:
                self._request(entry.bare, own, request)

    async def _changed(self, turn: Turn, entry: PresenceEntry) -> bool:
        """Broadcast a change of a session that is known to be available; False when that is not known."""
        own = await turn.receivers([entry.bare])
        if entry.sid in turn.over or all(record.sid != entry.sid for record in own):
            return False
        circle = await turn.circle(entry.bare)
        turn.send(entry.raw, [*await turn.receivers(circle.subscribers), *own])
        return True

    async def unavailable(self, turn: Turn, entry: PresenceEntry) -> None:
        """Broadcast a client's own unavailable presence; its session lives on (section 4.5.2)."""
        own = await self._session(turn, entry)
        if own is None:
            return
        jid = Jid.parse(entry.subject)
        circle = await turn.circle(entry.bare)
        targets = await turn.registry.directed_to(jid, entry.sid)
        known = [*await turn.receivers(circle.subscribers), *_own(turn, entry)]
        turn.send(entry.raw, await with_targets(turn, known, targets))
        # section 4.6.1: the list of directed presence is cleared when the user goes unavailable
        turn.afterwards(lambda: _note(turn, jid, entry.sid, targets, available=False))

    async def directed(self, turn: Turn, entry: PresenceEntry) -> None:
        """Pass on presence to the one it is addressed to (section 4.6.3)."""
        if await self._session(turn, entry) is None:
            return
        tree = parse(entry.raw)
        to = _address(tree.get("to"))
        if to is None or not self._hosted(to.bare):
            self._dropped("elsewhere")
            return
        type_ = tree.get("type")
        if type_ != "error":
            # The connection manager has noted this already, ahead of this shard's order: an unavailable
            # presence between the two would have cleared the list.
            sender, available = Jid.parse(entry.subject), type_ is None
            turn.afterwards(lambda: _note(turn, sender, entry.sid, (to.full,), available=available))
        if type_ == "error" and to.resource is None:
            return
        receivers = await _addressed(turn, to)
        if not receivers:
            self._dropped("nobody")
        turn.send(without_attribute(entry.raw, b"to"), receivers)

    async def _session(self, turn: Turn, entry: PresenceEntry) -> SessionRecord | None:
        """The record of the entry's session; None when its end has been told of already."""
        if entry.sid not in turn.over:
            await turn.load_records([entry.bare])
            for record in turn.records(entry.bare):
                if record.sid == entry.sid:
                    return record
        self._dropped("session-gone")
        return None

    def _request(self, bare: str, to: SessionRecord, request: bytes) -> None:
        """Deliver a request that is not answered yet (section 3.1.3: each time, until it is)."""
        self._bus.deliver(bare, Choice.RESOURCE.value, to.resource, request, _unheard, store=False)


def _forget(turn: Turn, contacts: Sequence[str], own: SessionRecord) -> None:
    """Take back what a session may still believe of contacts (section 4.5.4: the bare JID means all)."""
    for contact in contacts:
        turn.send(unavailable(contact), [own])


async def with_targets(
    turn: Turn, known: Sequence[SessionRecord], targets: Sequence[str]
) -> list[SessionRecord]:
    """`known` and the sessions of those who got directed presence, each once."""
    found = {record.sid: record for record in known}
    for target in targets:
        to = _address(target)
        if to is not None:
            found.update((record.sid, record) for record in await _addressed(turn, to))
    return list(found.values())


def _own(turn: Turn, entry: PresenceEntry) -> list[SessionRecord]:
    """The account's available sessions and the one that speaks, whatever it has become since."""
    return [
        record
        for record in turn.records(entry.bare)
        if not record.ended and (record.priority is not None or record.sid == entry.sid)
    ]


async def _addressed(turn: Turn, to: Jid) -> list[SessionRecord]:
    """Who gets presence to that JID: all available resources (RFC 6121 section 8.5.2.1.2), or the one named
    if it is connected (section 8.5.3.1); nobody otherwise, in silence (8.5.2.2.2, 8.5.3.2.2)."""
    await turn.load_records([to.bare])
    if to.resource is None:
        return turn.available(to.bare)
    return [one for one in turn.records(to.bare) if one.resource == to.resource and not one.ended]


def _address(text: str | None) -> Jid | None:
    try:
        return Jid.parse(text or "")
    except JidMalformed:
        return None


async def _note(turn: Turn, jid: Jid, sid: str, targets: Sequence[str], *, available: bool) -> None:
    """Note or clear directed presence, and wait until Redis has it."""
    noted = [_Noted() for _ in targets]
    for target, one in zip(targets, noted, strict=True):
        turn.registry.directed(jid, sid, target, one, available=available)
    for one in noted:
        await one.done


class _Noted:
    """Hears the registry's answer to one note."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def __call__(self, answer: Any) -> None:
        if self.done.done():
            return
        if isinstance(answer, Exception):
            self.done.set_exception(answer)
        else:
            self.done.set_result(None)


def _unheard(_taken: Any) -> None:
    """A request that does not arrive now is delivered again at the next login."""
