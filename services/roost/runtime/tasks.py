"""Every task has an owner, who hears of its failure and ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class OwnedTasks:
    """Tasks that live no longer than their owner. `on_failure` hears where one failed, and with what."""

    def __init__(self, on_failure: Callable[[str, BaseException], None]) -> None:
        """Owns nothing yet."""
        self._on_failure = on_failure
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine under this owner's care."""
        task = asyncio.get_running_loop().create_task(work, name=getattr(work, "__qualname__", ""))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def __len__(self) -> int:
        return len(self._tasks)

    async def ended(self) -> None:
        """Wait until all have ended by themselves, those too that are begun meanwhile."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """End them all, soon."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """End them all, and wait until they have."""
        tasks = list(self._tasks)
        self.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_failure(task.get_name(), error)
