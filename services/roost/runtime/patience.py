"""Waiting for what is away, for commands that come before it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

_LOOK_SECONDS = 1  # between tries

Found = TypeVar("Found")


async def patiently(attempt: Callable[[], Awaitable[Found]], wait: float, *away: type[Exception]) -> Found:
    """What the attempt finds; while it raises one of `away`, it is made again, for `wait` seconds.

    Raises what the last attempt raised.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + wait
    while True:
        try:
            return await attempt()
        except away:
            if clock() + _LOOK_SECONDS > end:
                raise
        await asyncio.sleep(_LOOK_SECONDS)
