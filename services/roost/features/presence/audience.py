"""Where those are who hear of others: the available sessions of contacts, kept between changes.

A change of presence concerns all contacts, and few of them have come or gone since the last one. What
is kept is dropped when an account's sessions become available or cease to be. That is an entry of the
account's shard, and its owner tells all processes of the service before it reads anything for the
new session: a change of somebody's presence that this reading does not find is appended later, and so
handled by whoever has been told. This needs one order of all publications, which a single Redis server
gives and a cluster does not; there, nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from roost.core.ports import Registry, SessionRecord

Tell = Callable[[Iterable[str]], None]


class Audience:
    """The available sessions of accounts; one for all shards of a process."""

    def __init__(
        self, registry: Registry, tell: Tell, *, keeps: Callable[[], bool], limit: int = 100_000
    ) -> None:
        """`tell` passes changed accounts on to the service's other processes; `keeps` says whether anything
        may be kept at all; `limit` bounds how many accounts are."""
        self._registry = registry
        self._tell = tell
        self._keeps = keeps
        self._limit = limit
        self._kept: dict[str, list[SessionRecord]] = {}
        self._changes = 0

    async def load(self, bares: Sequence[str]) -> dict[str, list[SessionRecord]]:
        """The available sessions of each account; those not kept are read in one round trip."""
        kept = self._kept
        found = {bare: kept[bare] for bare in bares if bare in kept}
        if len(found) < len(bares) and (missing := [bare for bare in bares if bare not in found]):
            changes = self._changes
            for bare, records in zip(missing, await self._registry.sessions(missing), strict=True):
                found[bare] = available(records)
            if changes == self._changes and self._keeps():
                self._keep({bare: found[bare] for bare in missing})
        return found

    def changed(self, bares: Sequence[str]) -> None:
        """Sessions of these accounts have come or gone, as an entry at hand says: tell everyone."""
        self.heard(bares)
        self._tell(bares)

    def heard(self, bares: Iterable[str]) -> None:
        """Sessions of these accounts have come or gone."""
        self._changes += 1  # what is being read now may be older
        for bare in bares:
            self._kept.pop(bare, None)

    def clear(self) -> None:
        """News may have been lost."""
        self._changes += 1
        self._kept.clear()

    def _keep(self, found: dict[str, list[SessionRecord]]) -> None:
        if len(self._kept) + len(found) > self._limit:
            self._kept.clear()
        self._kept.update(found)


def available(records: Iterable[SessionRecord]) -> list[SessionRecord]:
    """Those that hear of presence."""
    return [one for one in records if one.priority is not None and not one.ended]
