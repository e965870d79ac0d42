"""A process that stops sees its streams out one after another: their clients shall not come back at once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Protocol

from roost.core.stream import ClientStream
from roost.protocol.errors import StreamError
from roost.runtime.logging import logger
from roost.runtime.tasks import OwnedTasks

_PROGRESS_SECONDS = 5.0
_HURRIED_SECONDS = 0.5  # an answer's time when there is none
_HURRY_AFTER = 0.85  # of the whole time
_log = logger(__name__)


def moments(count: int, per_second: float, within: float) -> list[float]:
    """When to close each of `count` streams: seconds from now, in order, with jitter.

    One falls into each slot of the pace, at random within it. The pace is `per_second`, or whatever is
    needed to be done `within` seconds.
    """
    slot = min(count / per_second, within) / max(count, 1)
    return [(place + random.random()) * slot for place in range(count)]  # noqa: S311 - no secret


class OpenStreams(Protocol):
    """All streams of a process."""

    def streams(self) -> Sequence[ClientStream]:
        """Those that are open now."""
        ...

    async def another_lost(self) -> None:
        """Wait until another one is gone."""
        ...


class Drain:
    """Closes all streams of a process, with `system-shutdown`, at a pace."""

    def __init__(
        self,
        open_: OpenStreams,
        on_bug: Callable[[str, BaseException], None],
        *,
        per_second: float,
        seconds: float,
        answer_seconds: float,
    ) -> None:
        """`open_` knows what is open; `seconds` is the time for all, towards whose end it hurries by
        itself; `answer_seconds` is what each client has to close its side."""
        self._open = open_
        self._partings = OwnedTasks(on_bug)
        self._per_second = per_second
        self._seconds = seconds * _HURRY_AFTER
        self._patience = min(answer_seconds, seconds / 3)
        self._hurried = asyncio.Event()
        self._since = 0.0

    async def run(self, error: StreamError) -> None:
        """Close all that is open, or is opened meanwhile, with `error`; returns when all is gone."""
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        progress = loop.create_task(self._tell())
        late = loop.call_later(self._seconds, self.hurry)
        try:
            while waiting := self._in_order():
                await self._close(waiting, error)
                await self._gone(waiting)
            await self._partings.ended()
        finally:
            late.cancel()
            progress.cancel()
            await self._partings.close()
        _log.info("drained", seconds=round(loop.time() - self._since, 1))

    def hurry(self) -> None:
        """Close the rest at once, and wait no longer for answers."""
        if not self._hurried.is_set():
            self._hurried.set()
            streams = self._open.streams()
            if streams:
                _log.warning("hurrying: closing the rest at once", streams=len(streams))
            for stream in streams:
                if stream.parting is not None:
                    stream.parting.hurry()

    def _in_order(self) -> list[ClientStream]:
        """Those that are open, in the order of their end: whoever has no session loses nothing."""
        streams = [stream for stream in self._open.streams() if stream.parting is None]
        random.shuffle(streams)
        return sorted(streams, key=lambda stream: stream.session is not None)

    async def _close(self, streams: Sequence[ClientStream], error: StreamError) -> None:
        loop = asyncio.get_running_loop()
        times = moments(len(streams), self._per_second, self._seconds - self._patience)
        self._log_begin(streams, times[-1])
        begun = loop.time()
        for stream, moment in zip(streams, times, strict=True):
            await self._pause(begun + moment - loop.time())
            patience = _HURRIED_SECONDS if self._hurried.is_set() else self._patience
            self._partings.spawn(stream.part(error, patience))

    def _log_begin(self, streams: Sequence[ClientStream], seconds: float) -> None:
        bound = sum(stream.session is not None for stream in streams)
        _log.info("draining", streams=len(streams), sessions=bound, seconds=round(seconds, 1))

    async def _pause(self, seconds: float) -> None:
        if seconds > 0 and not self._hurried.is_set():
            try:
                async with asyncio.timeout(seconds):
                    await self._hurried.wait()
            except TimeoutError:
                return

    async def _gone(self, streams: Sequence[ClientStream]) -> None:
        """Wait until the connections of these streams have closed."""
        closing = set(streams)
        while not closing.isdisjoint(self._open.streams()):
            await self._open.another_lost()

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            _log.info("still draining", streams=len(self._open.streams()))
