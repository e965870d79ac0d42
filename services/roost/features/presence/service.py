"""The presence service: takes the entries of its shards, in batches and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from roost.core.ports import (
    ENTRIES_TOGETHER,
    Accounts,
    Bus,
    BusUnavailable,
    Fanout,
    Leftovers,
    PresenceRegistry,
    Rosters,
    ServiceStream,
    StoreUnavailable,
)
from roost.core.rosters import RosterPushes
from roost.features.presence.audience import Audience
from roost.features.presence.broadcast import INITIAL, Broadcast, is_change
from roost.features.presence.changes import Changes
from roost.features.presence.circles import Circle, Circles
from roost.features.presence.cutting import Cut, Step, contact_of
from roost.features.presence.ended import Endings
from roost.features.presence.forwarding import Forwarding
from roost.features.presence.introductions import Introductions
from roost.features.presence.probes import Probes
from roost.features.presence.spill import Keeper, Spill
from roost.features.presence.subscriptions import Subscriptions
from roost.features.presence.turn import Turn
from roost.protocol.envelope import (
    INBOUND_VERBS,
    SUBSCRIPTION_VERBS,
    EnvelopeMalformed,
    PresenceEntry,
    decode_entry,
)
from roost.runtime.logging import concerning

_TELLING = frozenset({"available", "unavailable", "ended", "in-unsubscribe"})
"""Entries of which those who have the account's presence hear: all of them, or one contact."""
_SHOWING = frozenset({"in-subscribed", "in-unsubscribed"})
"""Entries by which the account hears of a contact's presence."""

OnBug = Callable[[str, Exception], None]
"""Hears where a handler failed in a way that is ours to mend."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the presence service works with."""

    registry: PresenceRegistry
    rosters: Rosters
    accounts: Accounts
    bus: Bus
    stream: ServiceStream
    fanouts: Callable[[], Fanout]
    """Makes a fan-out; each batch has its own, so that what one could not send is sent by it again."""
    audience: Audience
    """Shared by all shards of the process."""
    leftovers: Leftovers
    keeper: Keeper
    domains: frozenset[str]
    """Those this cluster answers for."""
    on_bug: OnBug
    dropped: Callable[[str], None]
    """Hears why something that came here goes to nobody."""

    def hosted(self, bare: str) -> bool:
        """Whether a bare JID is of one of our domains."""
        return bare[bare.find("@") + 1 :] in self.domains


class PresenceService:
    """What all shards of a process share."""

    def __init__(self, means: Means, *, circles: int = 20_000) -> None:
        """`circles` bounds how many accounts' rosters a shard keeps in memory, boiled down."""
        self._means = means
        self._limit = circles
        dropped = means.dropped
        self.forwarding = Forwarding(means.stream, means.hosted, dropped)
        self.broadcast = Broadcast(means.bus, means.hosted, dropped)
        self.probes = Probes(self.forwarding, means.hosted)
        self.subscriptions = Subscriptions(self.forwarding, dropped)
        self.endings = Endings(Spill(means.bus, means.leftovers, means.keeper, means.hosted, dropped))
        self._pushes = RosterPushes(means.registry, means.bus)

    def changes(self, turn: Turn, *, again: bool) -> Changes:
        """What a turn that begins, perhaps `again`, will change in rosters."""
        means = self._means
        return Changes(turn, means.rosters, means.accounts, self._pushes, means.bus, again=again)

    def shard(self, number: int) -> PresenceShard:
        """A handler for a shard that this process has just taken: it begins without memories."""
        circles = Circles(self._means.rosters, self._means.hosted, limit=self._limit)
        return PresenceShard(self, self._means, number, circles)


class PresenceShard:
    """One shard; implements core.ports.ShardHandler."""

    def __init__(self, service: PresenceService, means: Means, number: int, circles: Circles) -> None:
        """`circles` is this shard's own memory of rosters."""
        self._service = service
        self._means = means
        self._number = number
        self._circles = circles
        self._tried: int | None = None  # up to which position entries may have been tried before

    async def handle(self, entries: Sequence[tuple[int, bytes]]) -> int:
        """See core.ports.ShardHandler.

        They are handled in turns; see cutting for where one ends.
        """
        cut, steps, taken = Cut(), list[Step](), 0
        for position, data in entries:
            entry = self._decoded(data)
            if entry is not None:
                step = Step.of(position, entry)
                if not cut.takes(step):
                    break
                steps.append(step)
            taken += 1
        await self._turn(steps, cut, again=self._begun(entries[0][0], entries[taken - 1][0]))
        return taken

    def _begun(self, first: int, last: int) -> bool:
        """Begin a turn; says whether it may have been begun before, by us or by the shard's last owner."""
        if self._tried is None:
            self._tried = first + ENTRIES_TOGETHER
        again = first <= self._tried
        self._tried = max(self._tried, last)
        return again

    async def _turn(self, steps: Sequence[Step], cut: Cut, *, again: bool) -> None:
        turn = Turn(
            self._number, self._means.registry, self._circles, self._means.audience, self._means.fanouts()
        )
        introductions, changes = Introductions(turn), self._service.changes(turn, again=again)
        self._tell_of_changes([step.entry for step in steps])
        await self._prefetch(turn, changes, introductions, steps)
        for step in steps:
            turn.begin(step.position)
            doing = self._one(turn, changes, introductions, step)
            await self._contained(f"presence entry {step.entry.verb}", doing, step.entry)
        await self._service.forwarding.send(turn)
        await changes.say()
        if cut.taking:
            await turn.flush()
        await changes.write(self._not_changed)
        await introductions.verify()
        await turn.flush()
        for effect in turn.after():
            await self._contained("what follows a presence entry", effect())

    def _not_changed(self, owner: str, bug: Exception) -> None:
        with concerning(jid=owner):
            self._means.on_bug("a change of a roster", bug)

    def _decoded(self, data: bytes) -> PresenceEntry | None:
        try:
            return decode_entry(data)
        except EnvelopeMalformed as error:
            self._means.on_bug(f"an entry of shard {self._number}", error)
            self._means.dropped("entry-unreadable")
            return None

    def _tell_of_changes(self, entries: Sequence[PresenceEntry]) -> None:
        """Before anything is read for those who have come, all processes hear of them."""
        changed = {
            entry.bare
            for entry in entries
            if entry.verb in {"unavailable", "ended"}
            or (entry.verb == "available" and entry.extra in INITIAL)
        }
        if changed:
            self._means.audience.changed(list(changed))

    async def _prefetch(
        self, turn: Turn, changes: Changes, introductions: Introductions, steps: Sequence[Step]
    ) -> None:
        """Read at once what the entries will need: rosters first, since they say whose records."""
        entries = [step.entry for step in steps]
        broadcast = [entry for entry in entries if entry.verb in {"available", "unavailable", "ended"}]
        circles = await turn.load_circles(list({entry.bare for entry in broadcast}))
        records = {entry.bare for entry in entries if not is_change(entry)}
        audience = {step.contact or step.entry.bare for step in steps if step.entry.verb in _TELLING}
        shown = {step.contact for step in steps if step.contact and step.entry.verb in _SHOWING}
        for entry in broadcast:
            circle: Circle = circles[entry.bare]
            audience.update(circle.subscribers)
            if entry.extra in INITIAL:
                shown.update(circle.subscriptions, (entry.bare,))
        if not records:
            await turn.load_audience(audience)  # mostly known, and then nothing is waited for
            return
        await asyncio.gather(
            turn.load_records(records),
            turn.load_audience(audience - records),
            introductions.load(shown),
            changes.load(steps),
            *(
                self._contained("the end of a session", self._service.endings.load(turn, entry), entry)
                for entry in broadcast
                if entry.verb == "ended"
            ),
        )

    async def _contained(self, what: str, doing: Awaitable[None], entry: PresenceEntry | None = None) -> None:
        """Do something, for `entry` if it is for one; a bug in it stops nothing else."""
        try:
            await doing
        except (BusUnavailable, StoreUnavailable):
            raise
        except Exception as bug:
            with concerning(jid=entry and entry.subject, sid=entry and entry.sid):
                self._means.on_bug(what, bug)

    async def _one(self, turn: Turn, changes: Changes, introductions: Introductions, step: Step) -> None:
        service, entry, verb = self._service, step.entry, step.entry.verb
        if verb == "available":
            await service.broadcast.available(turn, introductions, entry)
        elif verb == "unavailable":
            await service.broadcast.unavailable(turn, entry)
        elif verb == "ended":
            await service.endings.ended(turn, entry)
        elif verb == "directed":
            await service.broadcast.directed(turn, entry)
        elif verb == "probe":
            service.probes.probe(turn, entry)
        elif verb == "in-probe":
            await service.probes.in_probe(turn, introductions, entry)
        elif verb in SUBSCRIPTION_VERBS:
            await service.subscriptions.outbound(turn, changes, entry, step.contact or contact_of(entry))
        elif verb in INBOUND_VERBS:
            contact = step.contact or contact_of(entry)
            await service.subscriptions.inbound(turn, changes, introductions, entry, contact)
        else:
            await service.subscriptions.removed(turn, changes, entry)
