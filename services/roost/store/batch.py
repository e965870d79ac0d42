"""What one loop turn writes or asks, as one statement."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from roost.core.ports import StoreUnavailable
from roost.runtime.figures import SIZES, Histogram

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Full(StoreUnavailable):
    """More waits than may wait: whoever asks now is told what those are who ask while it is away."""


class Batch(Generic[Item, Outcome]):
    """Collects items while a statement is under way, and runs them together in the next."""

    def __init__(
        self, run: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]], *, most: int, waiting: int
    ) -> None:
        """`run` gets up to `most` items and gives an outcome for each; `waiting` bounds what may wait."""
        self._run = run
        self._most = most
        self._limit = waiting
        self._items: list[tuple[Item, asyncio.Future[Outcome]]] = []
        self._task: asyncio.Task[None] | None = None
        self.rows = Histogram(SIZES)
        """Items in one statement."""
        self.refused = 0
        """Items that found too many waiting."""

    def add(self, item: Item) -> asyncio.Future[Outcome]:
        """The item's outcome, or the exception of the statement it was in. Raises Full."""
        if len(self._items) >= self._limit:
            self.refused += 1
            raise Full("too much waits for PostgreSQL")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self._items.append((item, future))
        if self._task is None:
            self._task = loop.create_task(self._work())
        return future

    async def ended(self) -> None:
        """Wait until nothing waits any more."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        while self._items:
            now, self._items = self._items[: self._most], self._items[self._most :]
            self.rows.observe(len(now))
            try:
                outcomes = await self._run([item for item, _future in now])
            except Exception as error:  # every one who waits hears of it
                for _item, future in now:
                    if not future.done():
                        future.set_exception(error)
            else:
                for (_item, future), outcome in zip(now, outcomes, strict=True):
                    if not future.done():
                        future.set_result(outcome)
        self._task = None
