"""One shard of a service while it is this process's."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.log import Follower, publication
from roost.cluster.reading import LogReader
from roost.cluster.resp import bulk
from roost.cluster.script import Script
from roost.core.ports import ENTRIES_TOGETHER, BusUnavailable, ShardHandler, StoreUnavailable
from roost.protocol.envelope import made_at, now
from roost.runtime.figures import FAST_SECONDS, SIZES, Histogram

_AHEAD = 1000  # entries held in memory; the rest waits in the stream
_AHEAD_BYTES = 4 * 1024 * 1024
_RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Tools:
    """What all shards of a service work with."""

    client: RedisClient
    reader: LogReader
    service: str
    finish: Script
    fenced: Callable[[], None]
    """Hears that a shard may not be ours any more."""
    on_bug: Callable[[str, Exception], None]
    lag: Histogram = field(default_factory=lambda: Histogram(FAST_SECONDS, scale=1_000_000))
    """From an entry's making until it is finished."""
    batches: Histogram = field(default_factory=lambda: Histogram(SIZES))
    """Entries finished together."""


class Shard:
    """Reads the shard's log, has its entries handled in order, and notes how far that has come.

    Its lease, as far as this process knows, runs until `until` on the loop's clock: behind it nothing
    more is begun, whether or not Redis can be asked.
    """

    def __init__(
        self, tools: Tools, number: int, epoch: int, done: int, until: float, handler: ShardHandler
    ) -> None:
        """`done` is the last position that is finished, or -1."""
        self.number = number
        self.epoch = epoch
        self.until = until
        self.fenced = False
        self.leaving = False
        self._tools = tools
        self._handler = handler
        self._loop = asyncio.get_running_loop()
        self._entries: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._finished = self._newest = done
        self._unsaved = False
        self._owner = keys.shard_owner(tools.service, number)
        self._log = keys.shard(tools.service, number)
        self.follower = Follower(tools.reader, self._log, self._take, expected=done + 1, rewound=self._fence)
        tools.client.subscribe(self._log, self._published)
        self.follower.catch_up()
        self._task = self._loop.create_task(self._run())

    @property
    def lag(self) -> int:
        """How many entries are not finished, as far as this process has heard."""
        return self._newest - self._finished

    def renewed(self, until: float) -> None:
        """The lease runs longer; what could not be noted before is noted now."""
        self.until = until
        if self._unsaved:
            self._unsaved = False
            self._note(self._finished)

    def leave(self) -> None:
        """Begin nothing more."""
        self.leaving = True
        self.follower.stop()
        self._tools.client.unsubscribe(self._log)
        self._more.set()

    async def ended(self) -> None:
        """Wait until what is at hand is finished, after `leave`."""
        await asyncio.wait([self._task])

    # --- entries come in ---

    def _published(self, data: bytes) -> None:
        position, entry = publication(data)
        if self._finished >= 0:
            self._newest = position
        self.follower.arrived(position, entry)

    def _take(self, entry: bytes) -> bool:
        position = self.follower.expected - 1
        if self._finished < 0:
            self._finished = position - 1  # the first that there ever was
        self._entries.append((position, entry))
        self._newest = max(self._newest, position)
        self._bytes += len(entry)
        self._more.set()
        return len(self._entries) < _AHEAD and self._bytes < _AHEAD_BYTES

    # --- and are handled ---

    async def _run(self) -> None:
        while self._mine():
            await self._more.wait()
            self._more.clear()
            while self._entries and self._mine():
                await self._work(
                    [self._entries.popleft() for _ in range(min(ENTRIES_TOGETHER, len(self._entries)))]
                )

    def _mine(self) -> bool:
        if not self.fenced and self._loop.time() >= self.until:
            self._fence()
        return not self.fenced and not self.leaving

    def _fence(self) -> None:
        if not self.fenced:
            self.fenced = True
            self._more.set()
            self._tools.fenced()

    async def _work(self, batch: list[tuple[int, bytes]]) -> None:
        self._bytes -= sum(len(entry) for _position, entry in batch)
        size = len(batch)
        while batch and self._mine():
            try:
                done = await self._handle(batch[:size])
            except Exception as bug:  # the handler contains an entry's trouble; this is one of its own
                self._tools.on_bug(f"{self._tools.service} shard {self.number}", bug)
                done = int(size == 1)  # one by one, so that no more is given up than what cannot be done
                size = 1
            if done:
                self._count(batch[:done])
                self._note(batch[done - 1][0])
            batch = batch[done:]
        if len(self._entries) < _AHEAD // 2 and self._bytes < _AHEAD_BYTES // 2:
            self.follower.resume()

    async def _handle(self, batch: list[tuple[int, bytes]]) -> int:
        """Again and again while Redis or PostgreSQL is away; how many are finished."""
        while self._mine():
            try:
                return await self._handler.handle(batch)
            except (BusUnavailable, StoreUnavailable):
                await asyncio.sleep(_RETRY_SECONDS)
        return 0

    def _count(self, finished: list[tuple[int, bytes]]) -> None:
        self._tools.batches.observe(len(finished))
        current = now()
        for _position, entry in finished:
            made = made_at(entry)
            if made:
                self._tools.lag.observe(max(0, current - made))  # clocks differ

    def _note(self, position: int) -> None:
        """Have Redis note how far this shard has come; it refuses who is not the owner any more."""
        if self.fenced:
            return
        self._finished = position
        keys_and_epoch = bulk(self._owner) + bulk(self._log) + bulk(self.epoch)
        command = self._tools.finish.head(2, 2) + keys_and_epoch + bulk(position)
        self._tools.client.send(self._owner, command, self._noted)

    def _noted(self, reply: Any) -> None:
        if reply == 0:
            self._fence()
        elif isinstance(reply, Exception):
            self._unsaved = True
