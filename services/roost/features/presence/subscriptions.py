"""Subscriptions: requested, granted, cancelled, given up (RFC 6121 section 3).

Each side of a subscription changes on its own account's shard; an entry `in-…` goes from one to the
other. What others are to hear goes out before the change is written: if this process dies in
between, its successor finds the old state and says the same again, and saying it twice does no harm.
What is said and what is changed is collected here, and done for all entries of a turn together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from roost.core.ports import Choice, RosterItem
from roost.core.rosters import read_removed
from roost.features.presence.changes import Changes
from roost.features.presence.forwarding import Forwarding
from roost.features.presence.introductions import Introductions, unavailable
from roost.features.presence.states import Move, state_of
from roost.features.presence.turn import Turn
from roost.protocol.envelope import NOTHING, PART, PresenceEntry
from roost.protocol.subscription import State

_GRANTED = {"from", "both"}
_SUBSCRIBED = {"to", "both"}


class Subscriptions:
    """Handles entries with the four types of subscription stanzas, in and out, and `roster-removed`."""

    def __init__(self, forwarding: Forwarding, dropped: Callable[[str], None]) -> None:
        """What concerns others goes to `forwarding`; `dropped` hears of requests to nobody."""
        self._forwarding = forwarding
        self._dropped = dropped

    async def outbound(self, turn: Turn, changes: Changes, entry: PresenceEntry, contact: str) -> None:
        """A user's own stanza (RFC 6121 sections 3.1.2, 3.1.5, 3.2.2, 3.3.2, 3.4.2)."""
        owner, type = entry.bare, entry.verb
        if contact == owner:
            return  # a user has its own presence anyway (section 4.2.2)
        move = Move.outbound(type, contact)
        before = changes.item(owner, contact)
        if move.transition(before).passed:
            extra = NOTHING
            if type == "unsubscribed" and state_of(before).subscription in _GRANTED:
                extra = await _resources(turn, owner)
            self._forwarding.forward(turn, type, contact, entry.raw, entry.at, extra)
        changes.make(owner, contact, move)

    async def inbound(
        self, turn: Turn, changes: Changes, introductions: Introductions, entry: PresenceEntry, contact: str
    ) -> None:
        """What a contact's server says (sections 3.1.3, 3.1.6, 3.2.3, 3.3.3)."""
        owner, type = entry.bare, entry.verb.removeprefix("in-")
        if type == "subscribe" and not changes.exists(owner):
            self._dropped("no-account")
            return  # section 8.5.1: silence does not tell who has an account
        move = Move.inbound(type, contact, entry.raw)
        before = changes.item(owner, contact)
        done = move.transition(before)
        if done.passed:
            changes.deliver(owner, _receivers(type), entry.raw)
        if done.reply is not None:
            self._forwarding.say(turn, done.reply, owner, contact, entry.at)
        if _lost(before, done.state, _GRANTED):
            await self._take_back(turn, owner, contact)
        if before is not None or done.state != State():
            changes.make(owner, contact, move)
        await self._presence_of(turn, introductions, entry, contact, done.state)

    async def removed(self, turn: Turn, changes: Changes, entry: PresenceEntry) -> None:
        """A user has removed a contact: cancel the subscriptions both ways (section 2.5.2)."""
        owner = entry.bare
        gone = read_removed(entry.extra)
        if gone.subscription in _SUBSCRIBED or gone.ask:
            self._forwarding.say(turn, "unsubscribe", owner, gone.contact, entry.at)
        if gone.subscription in _GRANTED or gone.pending_in:
            extra = await _resources(turn, owner) if gone.subscription in _GRANTED else NOTHING
            self._forwarding.say(turn, "unsubscribed", owner, gone.contact, entry.at, extra=extra)
        # the connection manager that wrote this entry removes the item; should it have died, here it goes
        changes.make(owner, gone.contact, _Removal(gone))

    async def _take_back(self, turn: Turn, owner: str, contact: str) -> None:
        """Tell a contact that gave up its subscription that the owner is not there (section 3.3.3)."""
        to = await turn.receivers([contact]) if self._forwarding.reaches(contact) else []
        await turn.load_records([owner])
        for record in turn.records(owner):
            if record.priority is not None and record.sid not in turn.over:
                turn.send(unavailable(f"{owner}/{record.resource}"), to)

    async def _presence_of(
        self, turn: Turn, introductions: Introductions, entry: PresenceEntry, contact: str, state: State
    ) -> None:
        """Show, or take back, the contact's presence.

        Both are done here rather than on the contact's shard, behind the stanza that explains it, and in
        order with what this shard shows to sessions that log in. They are done also when the stanza
        changed nothing: it may be a repetition whose first time was cut short.
        """
        to = await turn.receivers([entry.bare])
        if entry.verb == "in-subscribed" and state.subscription in _SUBSCRIBED:
            if self._forwarding.reaches(contact):
                await introductions.show([contact], to)  # section 3.1.5
        elif entry.verb == "in-unsubscribed" and entry.extra != NOTHING:
            await introductions.load([contact])
            known = {*entry.extra.split(PART)[1:], *introductions.resources(contact)}
            for resource in sorted(known):
                turn.send(unavailable(f"{contact}/{resource}"), to)  # section 3.2.2


class _Removal:
    """Removes an item unless it has become another one since."""

    def __init__(self, gone: RosterItem) -> None:
        self._gone = gone

    def __call__(self, item: RosterItem | None) -> RosterItem | None:
        same = item is not None and state_of(item) == state_of(self._gone)
        return None if same else item


def _receivers(type: str) -> Choice:
    """A request goes to all available resources (section 3.1.3) and waits in the roster for others that come;
    the rest to those that know the roster (3.1.6, 3.2.3, 3.3.3), before the roster push."""
    return Choice.ANY_AVAILABLE if type == "subscribe" else Choice.INTERESTED


def _lost(before: RosterItem | None, after: State, what: Iterable[str]) -> bool:
    return before is not None and before.subscription in what and after.subscription not in what


async def _resources(turn: Turn, owner: str) -> str:
    """The resources whose presence a subscriber may have now, for the `extra` of an entry."""
    await turn.load_records([owner])
    known = [
        one.resource for one in turn.records(owner) if one.priority is not None and one.sid not in turn.over
    ]
    return PART.join(["resources", *sorted(set(known))])
