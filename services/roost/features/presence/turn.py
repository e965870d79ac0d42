"""One turn of a shard: what is known for a batch of entries, and what comes out of it.

Registry records are read once a turn, for all accounts that its entries concern. That is late
enough: connection managers write the registry before they append an entry, so what a turn reads
is at least as new as each of its entries; and whoever comes later than the reading finds the
sender in the registry and reads its presence there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import chain

from roost.core.ports import Fanout, Leftover, PresenceRegistry, SessionRecord
from roost.features.presence.audience import Audience, available
from roost.features.presence.circles import Circle, Circles
from roost.protocol.envelope import split_at_to

After = Callable[[], Awaitable[None]]


class Turn:
    """The state of one turn. The entry at `position` is being handled; its sendings are numbered."""

    def __init__(
        self, shard: int, registry: PresenceRegistry, circles: Circles, audience: Audience, fanout: Fanout
    ) -> None:
        """Belongs to one shard and lives for one batch."""
        self.shard = shard
        self.registry = registry
        self.circles = circles
        self._audience = audience
        self._fanout = fanout
        self.position = 0
        self._place = 0
        self._circles: dict[str, Circle] = {}
        self._records: dict[str, list[SessionRecord]] = {}
        self._available: dict[str, list[SessionRecord]] = {}
        self.leftovers: dict[tuple[str, str], Leftover | None] = {}
        self.over: set[str] = set()  # the ids of sessions whose end has been told in this turn
        self.forwards: list[tuple[str, bytes, int]] = []  # for other shards; see Forwarding
        self._after: list[After] = []

    # --- what is known ---

    async def circle(self, owner: str) -> Circle:
        """The owner's circle as the entries so far have left it."""
        found = self._circles.get(owner)
        if found is None:
            found = self._circles[owner] = (await self.circles.load([owner]))[owner]
        return found

    async def load_circles(self, owners: Sequence[str]) -> dict[str, Circle]:
        """The circles of all `owners`, in one statement."""
        self._circles.update(await self.circles.load(owners))
        return self._circles

    def changed(self, owner: str) -> None:
        """The owner's roster has changed: read it again when it is next needed."""
        self._circles.pop(owner, None)
        self.circles.drop(owner)

    async def load_records(self, bares: Iterable[str], *, fresh: bool = False) -> None:
        """Make `records` and `available` know these accounts; in one round trip."""
        known = self._records
        missing = list(bares) if fresh else [bare for bare in bares if bare not in known]
        if not missing:
            return
        for bare, records in zip(missing, await self.registry.sessions(missing), strict=True):
            known[bare] = records
            self._available[bare] = available(records)

    def records(self, bare: str) -> list[SessionRecord]:
        """All sessions of an account that was loaded, ended ones included."""
        return self._records[bare]

    def known_records(self, bare: str) -> list[SessionRecord]:
        """`records`, or none when the account was not loaded."""
        return self._records.get(bare, [])

    def available(self, bare: str) -> list[SessionRecord]:
        """The available sessions of an account that was loaded."""
        return self._available[bare]

    async def receivers(self, bares: Sequence[str]) -> list[SessionRecord]:
        """The available sessions of all these accounts."""
        available = self._available.__getitem__
        try:
            return list(chain.from_iterable(map(available, bares)))
        except KeyError:  # seldom: the turn has read what its entries were known to need
            await self.load_audience(bares)
            return list(chain.from_iterable(map(available, bares)))

    async def load_audience(self, bares: Iterable[str]) -> None:
        """Make `receivers` know these accounts."""
        missing = [bare for bare in bares if bare not in self._available]
        if missing:
            self._available.update(await self._audience.load(missing))

    # --- what comes out ---

    def begin(self, position: int) -> None:
        """The entry at that position is handled next."""
        self.position = position
        self._place = 0

    def send(self, presence: bytes, receivers: Sequence[SessionRecord]) -> None:
        """Send a presence stanza without `to` to sessions."""
        if receivers:
            before, after = split_at_to(presence)
            self._fanout.presence(self.shard, self.position, self._place, before, after, receivers)
            self._place += 1

    def afterwards(self, effect: After) -> None:
        """Do something that makes the entry's doing not repeatable, once all that is to be sent is sent.

        If this process dies before, a successor finds everything as it was and sends the same again.
        """
        self._after.append(effect)

    async def flush(self) -> None:
        """Send what was collected; raises BusUnavailable."""
        await self._fanout.flush()

    def after(self) -> list[After]:
        """What is to be done afterwards, in order."""
        return self._after
