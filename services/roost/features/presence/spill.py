"""What waited in the queue of a session that ended: to other sessions, to the store, or back.

RFC 6121 section 8.5 for the state of things now. Nothing that the server took is lost in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from roost.core.delivery import Absent, plan
from roost.core.ports import Bus, Choice, Leftovers, Rest
from roost.core.router import AbsentMessage
from roost.features.presence.circles import Hosted
from roost.protocol.errors import JidMalformed, StanzaError
from roost.protocol.jid import Jid
from roost.protocol.stanza import Stanza, error_reply
from roost.protocol.xml import parse, split_name


class Keeper(Protocol):
    """Keeps messages for absent users; the feature of offline messages does."""

    async def kept(self, message: AbsentMessage) -> None:
        """Store a message, or answer why not; returns when that is settled."""
        ...


class Spill:
    """Hands on the leftovers of ended sessions."""

    def __init__(
        self,
        bus: Bus,
        leftovers: Leftovers,
        keeper: Keeper,
        hosted: Hosted,
        dropped: Callable[[str], None],
    ) -> None:
        """`keeper` takes messages that no session can have; `dropped` hears of what nobody needs."""
        self._bus = bus
        self._leftovers = leftovers
        self._keeper = keeper
        self._hosted = hosted
        self._dropped = dropped

    async def hand_on(self, owner: Jid, sid: str, rest: Rest) -> None:
        """Find a place for each, in order; raises BusUnavailable when it cannot go on.

        `owner` is the full JID of the session that ended, `sid` its id. Those for the store go there
        together: once one of an account's is on its way, later ones follow it (see scripts/deliver.lua).
        """
        keeping: list[asyncio.Task[None]] = []
        try:
            for position, raw in zip(rest.positions, rest.stanzas, strict=True):
                one = _Left(owner, sid, position, _read(raw))
                kept = await self._placed(one)
                if kept is not None:
                    keeping.append(asyncio.ensure_future(self._keep(one, kept)))
        finally:
            await asyncio.gather(*keeping)

    async def _keep(self, one: _Left, message: AbsentMessage) -> None:
        await self._keeper.kept(message)
        self._leftovers.take_off(one.owner, one.sid, one.position)

    async def _placed(self, one: _Left) -> AbsentMessage | None:
        """Find a place for one; gives back a message that is to be kept."""
        sender = _address(one.stanza.sender)
        # what comes from the account itself (pushes of its roster) or the server concerns sessions that are
        # there; without a sender there is nobody to tell
        if sender is None or sender.local is None or sender.full == one.owner.bare:
            self._dropped("leftover")
        elif one.stanza.kind == "message":
            return await self._message(one, sender)
        elif one.stanza.kind == "iq" and one.stanza.type in {"get", "set"}:
            await self._bounce(one, sender)  # RFC 6121 section 8.5.3.2.3
        else:
            self._dropped("leftover")  # presence is state: whoever comes is told of what is so then
        return None

    async def _message(self, one: _Left, sender: Jid) -> AbsentMessage | None:
        stanza, to = one.stanza, _address(one.stanza.to)
        if to is None or to.bare != one.owner.bare:
            to = one.owner
        chosen = plan(stanza.kind, stanza.type, to.resource is not None)
        if chosen.absent is Absent.IGNORE:
            self._dropped("leftover")
            return None  # headlines and errors: the other sessions had theirs
        store = chosen.absent is Absent.STORE
        if chosen.choices and await self._leftovers.hand_on(
            one.owner, one.sid, one.position, stanza.raw, chosen.choices, to.resource or "", store=store
        ):
            return None
        if store:
            return AbsentMessage(stanza, stanza.raw, sender, to, _Reply(self, sender))
        await self._bounce(one, sender)
        return None

    async def _bounce(self, one: _Left, sender: Jid) -> None:
        """Tell the sender, and only then take it off the queue."""
        if sender.resource is not None and self._hosted(sender.bare):
            error = error_reply(one.stanza, StanzaError("service-unavailable"), sender.full)
            await self._bus.deliver_now(sender.bare, Choice.RESOURCE, sender.resource, error)
        self._leftovers.take_off(one.owner, one.sid, one.position)

    def reply(self, to: Jid, stanza: bytes) -> None:
        """Send an answer to the one session that sent something."""
        if to.resource is not None and self._hosted(to.bare):
            self._bus.deliver(to.bare, Choice.RESOURCE.value, to.resource, stanza, _gone, store=False)


class _Left(NamedTuple):
    """One stanza that is left over."""

    owner: Jid
    """Of the session that ended, as `sid`."""
    sid: str
    position: int
    stanza: Stanza


class _Reply:
    """Gives an answer to whoever sent one message."""

    __slots__ = ("_spill", "_to")

    def __init__(self, spill: Spill, to: Jid) -> None:
        self._spill = spill
        self._to = to

    def __call__(self, stanza: bytes) -> None:
        self._spill.reply(self._to, stanza)


def _read(raw: bytes) -> Stanza:
    tree = parse(raw)
    first = tree[0].tag.removeprefix("{") if len(tree) else None
    kind = split_name(tree.tag)[1]
    return Stanza(kind, raw, tree.get("to"), tree.get("from"), tree.get("type"), tree.get("id"), None, first)


def _address(text: str | None) -> Jid | None:
    try:
        return Jid.parse(text or "")
    except JidMalformed:
        return None


def _gone(_taken: Any) -> None:
    """A sender that has gone too is told nothing (RFC 6121 section 8.5.3.2)."""
