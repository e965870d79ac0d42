"""How a process of ours begins and ends: its loop, its limits, the signals that stop it."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, fields
from typing import Any

import uvloop

from roost.runtime.logging import logger

# A process of ours holds many long-lived objects and makes few cycles: Python's default of looking at all
# of them after every 70,000 new ones would cost more than it finds.
_GC = (20_000, 50, 100)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LEAST_SECONDS = 1.0
_HURRIED_SECONDS = 3.0  # of a step when there is no time: enough to give back what others wait for
DRAIN_SHARE = 0.8
"""How much of the time for a role's end its step `drain` has."""
_OTHER_SHARE = 0.1  # of those that wait for Redis and PostgreSQL; the first two steps hardly wait
_log = logger(__name__)

Work = Callable[[], Awaitable[None]]


class Stop:
    """The wish to stop: the first SIGTERM or SIGINT asks, a second one hurries."""

    def __init__(self) -> None:
        """Takes no signal yet; that is what `stop_on_signals` is for."""
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()

    def ask(self) -> None:
        """Ask to stop, or hurry when that was asked already."""
        (self.hurried if self.asked.is_set() else self.asked).set()


def stop_on_signals() -> Stop:
    """The Stop that this process's SIGTERM and SIGINT set; call it inside the running loop."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.ask)
    return stop


@dataclass(frozen=True, slots=True)
class Ending:
    """How every role ends: these steps, in this order. Each role says what they mean for it."""

    not_ready: Work
    """Say at `/ready` that nothing new shall come."""
    stop_listening: Work
    """Take nothing new."""
    drain: Work
    """Finish, or hand over in order, what is at hand."""
    give_back: Work
    """Give back leases, so that nobody waits until they run out."""
    close: Work
    """Close the adapters."""

    async def run(self, seconds: float, stop: Stop) -> None:
        """Take all steps within `seconds`, of which each has its share (a second at the least).

        A step that fails or takes longer than its share, or than a moment once `stop` hurries, is logged;
        the next one follows all the same.
        """
        for field in fields(self):
            share = seconds * (DRAIN_SHARE if field.name == "drain" else _OTHER_SHARE)
            await _take(field.name, getattr(self, field.name), max(share, _LEAST_SECONDS), stop)


async def _take(name: str, step: Work, seconds: float, stop: Stop) -> None:
    try:
        async with asyncio.timeout(seconds) as limit:
            hurry = asyncio.ensure_future(_shorten(limit, stop))
            try:
                await step()
            finally:
                hurry.cancel()
    except TimeoutError:
        _log.warning("a step of the end took too long", step=name, seconds=round(seconds, 1))
    except Exception as error:  # the steps behind it matter all the same
        _log.error("a step of the end failed", step=name, exc_info=error)


async def _shorten(limit: asyncio.Timeout, stop: Stop) -> None:
    await stop.hurried.wait()
    soon = asyncio.get_running_loop().time() + _HURRIED_SECONDS
    limit.reschedule(min(soon, limit.when() or soon))


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a role to its end on uvloop, with as many file descriptors as the system allows; its exit code."""
    raise_file_limit()
    gc.set_threshold(*_GC)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def raise_file_limit() -> int:
    """Raise the limit of open files (a stream takes one) to the hard limit, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
