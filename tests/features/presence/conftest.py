"""A small world for the rules of presence: ports in memory, everything at once and in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from roost.core.delivery import choose
from roost.core.ports import (
    BusUnavailable,
    Choice,
    Leftover,
    Presence,
    Rest,
    RosterChange,
    RosterItem,
    SessionRecord,
)
from roost.core.rosters import visible, write_removed
from roost.core.router import AbsentMessage
from roost.features.presence.audience import Audience
from roost.features.presence.service import Means, PresenceService, PresenceShard
from roost.protocol import namespaces as ns
from roost.protocol.envelope import PresenceEntry, encode_entry
from roost.protocol.jid import Jid
from roost.protocol.xml import escape_attribute, parse

DOMAINS = frozenset({"example.net", "example.com"})


class World:
    """One cluster whose presence service runs when `settle` is called."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, SessionRecord]] = defaultdict(dict)
        self.raw: dict[str, dict[str, bytes]] = defaultdict(dict)
        self.targets: dict[str, set[str]] = defaultdict(set)
        self.queues: dict[str, list[bytes]] = defaultdict(list)
        self.rosters: dict[str, dict[str, RosterItem]] = defaultdict(dict)
        self.versions: dict[str, int] = defaultdict(int)
        self.log: list[tuple[int, bytes]] = []
        self.handled = 0
        self.seen: tuple[int, int] = (0, -1)
        self.mark = -1
        self.stored: list[bytes] = []
        self.bugs: list[Exception] = []
        self.dropped: list[str] = []
        self.loads = 0
        self.fanouts = 0
        self.broken_flushes = 0
        self.unwritable = ""
        self.dies_when_written = self.dying = False
        self.why: Exception = ArithmeticError("the test says so")
        self.on_read: Callable[[], None] | None = None
        self.shard = self.start()

    def start(self) -> PresenceShard:
        """The shard in the hands of a process that has just taken it."""
        ports: Any = self
        return PresenceService(
            Means(
                registry=_Registry(self),
                rosters=_Rosters(self),
                accounts=ports,
                bus=_Bus(self),
                stream=_Stream(self),
                fanouts=lambda: _Fanout(self),
                audience=Audience(_Registry(self), lambda _bares: None, keeps=lambda: True),
                leftovers=ports,
                keeper=ports,
                domains=DOMAINS,
                on_bug=lambda _what, bug: self.bugs.append(bug),
                dropped=self.dropped.append,
            )
        ).shard(0)

    # --- what connection managers do ---

    def login(self, full: str, *, interested: bool = True, pod: str = "pod-1") -> str:
        """A session that has asked for its roster; its id."""
        jid = Jid.parse(full)
        sid = f"s{len(self.queues) + 1}"
        self.queues[sid] = []
        self.records[jid.bare][jid.resource or ""] = SessionRecord(
            jid.resource or "", sid, pod, 1, None, interested, False
        )
        return sid

    def available(self, full: str, inner: str = "", priority: int = 0) -> None:
        jid = Jid.parse(full)
        record = self.record(full)
        first = record.priority is None
        raw = f"<presence from='{escape_attribute(full)}'>{inner}</presence>".encode()
        self.records[jid.bare][jid.resource or ""] = record._replace(priority=priority)
        self.raw[jid.bare][jid.resource or ""] = raw
        self.post("available", full, record.sid, raw, "first" if first else "-")

    def unavailable(self, full: str) -> None:
        jid = Jid.parse(full)
        record = self.record(full)
        self.records[jid.bare][jid.resource or ""] = record._replace(priority=None)
        self.raw[jid.bare].pop(jid.resource or "", None)
        raw = f"<presence from='{full}' type='unavailable'><status>bye</status></presence>".encode()
        self.post("unavailable", full, record.sid, raw)

    def directed(self, full: str, to: str, type: str = "") -> None:
        said = f" type='{type}'" if type else ""
        record = self.record(full)
        if type == "unavailable":
            self.targets[record.sid].discard(to)
        elif not type:
            self.targets[record.sid].add(to)
        self.post("directed", full, record.sid, f"<presence from='{full}' to='{to}'{said}/>".encode())

    def end(self, full: str, final: bytes = b"") -> str:
        jid = Jid.parse(full)
        record = self.mark_ended(jid, self.record(full).sid)
        self.post("ended", full, record.sid, final, "closed")
        return record.sid

    def mark_ended(self, jid: Jid, sid: str) -> SessionRecord:
        own = self.records[jid.bare]
        record = own[jid.resource or ""]
        assert record.sid == sid
        del own[jid.resource or ""]
        own[f"{jid.resource}\t{sid}"] = record._replace(ended=True)
        if (raw := self.raw[jid.bare].pop(jid.resource or "", None)) is not None:
            self.raw[jid.bare][f"{jid.resource}\t{sid}"] = raw
        return record

    def say(self, type: str, sender: str, to: str, id: str = "x") -> None:
        """A user's own subscription stanza or probe."""
        bare = Jid.parse(sender).bare
        raw = f"<presence from='{bare}' to='{to}' type='{type}' id='{id}'/>".encode()
        self.post(type, sender, "-", raw)

    def remove(self, owner: str, contact: str) -> None:
        """A user takes a contact off the roster."""
        item = self.rosters[owner].pop(contact)
        self.versions[owner] += 1
        self.post("roster-removed", owner, "-", b"", write_removed(item))

    def post(self, verb: str, subject: str, sid: str, raw: bytes, extra: str = "-") -> None:
        self.log.append((len(self.log) + 1, encode_entry(PresenceEntry(verb, subject, sid, 1, extra, raw))))

    # --- what a test says and asks ---

    def befriend(self, one: str, other: str, subscription: str = "both") -> None:
        """Two accounts with a subscription between them, as `one` sees it."""
        mirrored = {"both": "both", "to": "from", "from": "to", "none": "none"}[subscription]
        self.rosters[one][other] = RosterItem(other, subscription=subscription)
        self.rosters[other][one] = RosterItem(one, subscription=mirrored)

    def record(self, full: str) -> SessionRecord:
        jid = Jid.parse(full)
        return self.records[jid.bare][jid.resource or ""]

    def settle(self, batch: int = 100) -> None:
        """Let the service handle all entries, those it makes itself too."""

        async def work() -> None:
            while self.handled < len(self.log):
                entries = self.log[self.handled : self.handled + batch]
                self.handled = entries[await self.shard.handle(entries) - 1][0]

        asyncio.run(work())
        assert not self.bugs

    def heard(self, full: str) -> list[str]:
        """What has reached a session since it was last asked, in short."""
        return self.heard_by(self.record(full).sid)

    def heard_by(self, sid: str) -> list[str]:
        heard, self.queues[sid] = self.queues[sid], []
        return [_short(raw) for raw in heard]

    def silence(self) -> None:
        """Forget what all sessions have heard so far."""
        for queue in self.queues.values():
            queue.clear()

    # --- core.ports.Accounts, Keeper ---

    async def exists(self, bare: str) -> bool:
        return not bare.startswith("nobody@")

    async def kept(self, message: AbsentMessage) -> None:
        self.stored.append(message.stamped)

    async def hand_on(
        self, owner: Jid, sid: str, position: int, stanza: bytes, choices: str, resource: str, *, store: bool
    ) -> int:
        if not self.queues[sid][position]:
            return -1
        taken = await _Bus(self).deliver_any(owner.bare, choices, resource, stanza)
        if taken:
            self.take_off(owner, sid, position)
        return taken

    def take_off(self, owner: Jid, sid: str, position: int) -> None:
        self.queues[sid][position] = b""  # taken off, and the others keep their places


class _Registry:
    def __init__(self, world: World) -> None:
        self.world = world

    async def sessions(self, bares: Sequence[str]) -> list[list[SessionRecord]]:
        if self.world.dying:
            self.world.dying = self.world.dies_when_written = False
            raise BusUnavailable("the test says so")
        return [list(self.world.records[bare].values()) for bare in bares]

    async def presences(self, bares: Sequence[str]) -> list[list[Presence]]:
        read = [
            [
                Presence(resource, raw)
                for resource, raw in self.world.raw[bare].items()
                if "\t" not in resource
            ]
            for bare in bares
        ]
        if self.world.on_read is not None:
            meanwhile, self.world.on_read = self.world.on_read, None
            meanwhile()
        return read

    async def leftover(self, jid: Jid, sid: str) -> Leftover | None:
        own = self.world.records[jid.bare]
        if (live := own.get(jid.resource or "")) is not None and live.sid == sid:
            self.world.mark_ended(jid, sid)
        field = f"{jid.resource}\t{sid}"
        if field not in own:
            return None
        raw = self.world.raw[jid.bare].get(field)
        return Leftover(own[field], raw, tuple(sorted(self.world.targets[sid])))

    async def forget(self, jid: Jid, sid: str, pod: str, behind: int) -> Rest | None:
        waiting = {at: raw for at, raw in enumerate(self.world.queues[sid]) if raw and at >= behind}
        if waiting:
            return Rest(tuple(waiting.values()), max(waiting) + 1, tuple(waiting))
        self.world.records[jid.bare].pop(f"{jid.resource}\t{sid}", None)
        self.world.raw[jid.bare].pop(f"{jid.resource}\t{sid}", None)
        self.world.targets.pop(sid, None)
        return None

    async def directed_to(self, jid: Jid, sid: str) -> tuple[str, ...]:
        return tuple(sorted(self.world.targets[sid]))

    def directed(self, jid: Jid, sid: str, to: str, done: Callable[[Any], None], *, available: bool) -> None:
        if available:
            self.world.targets[sid].add(to)
        else:
            self.world.targets[sid].discard(to)
        done(1)


class _Rosters:
    def __init__(self, world: World) -> None:
        self.world = world

    async def version(self, owner: str) -> int:
        return self.world.versions[owner]

    async def load(self, owners: Sequence[str]) -> list[list[RosterItem]]:
        self.world.loads += 1
        return [list(self.world.rosters[owner].values()) for owner in owners]

    async def changes(self, owner: str, since: int) -> None:
        return None

    async def item(self, owner: str, contact: str) -> RosterItem | None:
        return self.world.rosters[owner].get(contact)

    async def change(
        self, owner: str, contact: str, change: Callable[[RosterItem | None], RosterItem | None]
    ) -> RosterChange:
        if owner.startswith("nobody@"):
            raise KeyError(owner)
        if owner == self.world.unwritable:
            raise self.world.why
        self.world.dying = self.world.dies_when_written
        before = self.world.rosters[owner].get(contact)
        after = change(before)
        if after is None:
            self.world.rosters[owner].pop(contact, None)
        else:
            self.world.rosters[owner][contact] = after
        if (visible(before) and replace(before, request=b"")) != (visible(after) and after):  # type: ignore[type-var]
            self.world.versions[owner] += 1
        return RosterChange(before, after, self.world.versions[owner])


class _Bus:
    def __init__(self, world: World) -> None:
        self.world = world

    def deliver(
        self,
        bare: str,
        choices: str,
        resource: str,
        stanza: bytes,
        done: Callable[[Any], None],
        *,
        store: bool,
    ) -> None:
        sids = choose(choices, list(self.world.records[bare].values()), resource)
        for sid in sids:
            self.world.queues[sid].append(stanza)
        done(len(sids))

    async def deliver_now(self, bare: str, choice: Choice, resource: str, stanza: bytes) -> int:
        return await self.deliver_any(bare, choice.value, resource, stanza)

    async def deliver_any(self, bare: str, choices: str, resource: str, stanza: bytes) -> int:
        counts: list[int] = []
        self.deliver(bare, choices, resource, stanza, counts.append, store=False)
        return counts[0]


class _Stream:
    def __init__(self, world: World) -> None:
        self.world = world

    async def append(self, key: str, entry: bytes) -> None:
        raise AssertionError("what the service makes is marked")

    async def forward(self, shard: int, entries: Sequence[tuple[str, bytes, int]]) -> None:
        for _key, entry, mark in entries:
            if mark > self.world.mark:
                self.world.mark = mark
                self.world.log.append((len(self.world.log) + 1, entry))

    def post(self, key: str, entry: bytes, done: Callable[[Any], None]) -> None:
        raise AssertionError("the service waits for what it appends")


class _Fanout:
    """Drops what was sent before, as pods do."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.out: list[tuple[tuple[int, int], bytes, bytes, list[str]]] = []

    def presence(
        self,
        shard: int,
        entry: int,
        place: int,
        before: bytes,
        after: bytes,
        receivers: Iterable[SessionRecord],
    ) -> None:
        self.out.append(((entry, place), before, after, [record.sid for record in receivers]))

    async def flush(self) -> None:
        out, self.out = self.out, []
        if self.world.broken_flushes:
            self.world.broken_flushes -= 1
            raise BusUnavailable("the test says so")
        for identity, before, after, sids in out:
            if identity > self.world.seen:
                self.world.seen = identity
                self.world.fanouts += 1
                for sid in sids:
                    self.world.queues[sid].append(before + b"R" + after)


def _short(raw: bytes) -> str:
    tree = parse(raw)
    sender = tree.get("from", "")
    if tree.tag.endswith("}presence"):
        inner = "".join(tree.itertext())
        return f"{tree.get('type', 'available')} {sender}" + (f" {inner}" if inner else "")
    if tree.tag.endswith("}iq") and tree.get("type") == "set":
        item = tree[0][0]
        assert item.tag == f"{{{ns.ROSTER}}}item"
        flags = " ask" * (item.get("ask") is not None) + " approved" * (item.get("approved") is not None)
        return f"push {item.get('jid')} {item.get('subscription')}{flags}"
    return f"{tree.tag.rpartition('}')[2]} {tree.get('type', '')} {sender} {''.join(tree.itertext())}".strip()


@pytest.fixture
def world() -> World:
    """The world of one test."""
    return World()
