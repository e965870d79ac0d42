"""Rosters with their versions."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence

from roost.core.ports import RosterChange, RosterItem
from roost.store.pool import Pool
from roost.store.roster_changes import CHANGE, COLUMNS, ITEMS, Asked, RosterChanges, item_of
from roost.store.statement import Statement

_TOGETHER = 200  # rosters or items read or changed together
_WAITING = 20_000
_VERSION = Statement("roster-version", "SELECT owner, version FROM roster WHERE owner = ANY($1)")
_LOAD = Statement(
    "roster-load",
    f"SELECT owner, {COLUMNS} FROM roster_item WHERE owner = ANY($1) ORDER BY contact",  # noqa: S608
)
_CHANGED = Statement(
    "roster-changes",
    f"SELECT version, {COLUMNS} FROM roster_item WHERE owner = $1 AND version > $2 AND listed",  # noqa: S608
)
_REMOVED = Statement(
    "roster-removals", "SELECT version, contact FROM roster_removal WHERE owner = $1 AND version > $2"
)


class Rosters:
    """See core.ports.Rosters. Who asks while such a statement is under way shares the next one."""

    def __init__(self, pool: Pool) -> None:
        """Uses `pool` for everything."""
        self._pool = pool
        self._versions = pool.batch(_VERSION, self._read_versions, most=_TOGETHER, waiting=_WAITING)
        self._loads = pool.batch(_LOAD, self._read_rosters, most=_TOGETHER, waiting=_WAITING)
        self._items = pool.batch(ITEMS, self._read_items, most=_TOGETHER, waiting=_WAITING)
        self._changes = pool.batch(CHANGE, RosterChanges(pool).make, most=_TOGETHER, waiting=_WAITING)

    async def version(self, owner: str) -> int:
        """See core.ports.Rosters."""
        return await self._versions.add(owner)

    async def _read_versions(self, owners: Sequence[str]) -> Sequence[int]:
        found = {row["owner"]: row["version"] for row in await self._pool.fetch(_VERSION, list(owners))}
        return [found.get(owner, 0) for owner in owners]

    async def load(self, owners: Sequence[str]) -> list[list[RosterItem]]:
        """See core.ports.Rosters."""
        return await asyncio.gather(*map(self._loads.add, owners))

    async def _read_rosters(self, owners: Sequence[str]) -> Sequence[list[RosterItem]]:
        found: dict[str, list[RosterItem]] = defaultdict(list)
        for owner, *item in await self._pool.fetch(_LOAD, list(owners)):
            found[owner].append(item_of(item))
        return [found.get(owner, []) for owner in owners]

    async def changes(self, owner: str, since: int) -> list[tuple[int, RosterItem | str]] | None:
        """See core.ports.Rosters. A removal is remembered until the contact is added again."""
        version = await self.version(owner)
        if since > version:
            return None  # a version that was never given out
        if since == version:
            return []  # as most clients find it when they come back
        items = await self._pool.fetch(_CHANGED, owner, since)
        removals = await self._pool.fetch(_REMOVED, owner, since)
        changes: list[tuple[int, RosterItem | str]] = [(version, item_of(item)) for version, *item in items]
        changes += [(row["version"], row["contact"]) for row in removals]
        return sorted(changes, key=lambda change: change[0])

    async def item(self, owner: str, contact: str) -> RosterItem | None:
        """See core.ports.Rosters."""
        return await self._items.add((owner, contact))

    async def _read_items(self, pairs: Sequence[tuple[str, str]]) -> Sequence[RosterItem | None]:
        owners, contacts = zip(*set(pairs), strict=True)
        rows = await self._pool.fetch(ITEMS, owners, contacts)
        found = {(owner, item[0]): item_of(item) for owner, *item in rows}
        return [found.get(pair) for pair in pairs]

    async def change(
        self, owner: str, contact: str, change: Callable[[RosterItem | None], RosterItem | None]
    ) -> RosterChange:
        """See core.ports.Rosters."""
        outcome = await self._changes.add(Asked(owner, contact, change))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome
