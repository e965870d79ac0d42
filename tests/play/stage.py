"""Runs a play: an async test with a deadline, whose clients are gone when it ends."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from play.client import on_stage

_DEADLINE = 40  # seconds


def play(scene: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Make a test of an async function; it may ask for fixtures."""

    @functools.wraps(scene)
    def test(**fixtures: Any) -> None:
        uvloop.run(asyncio.wait_for(_staged(scene(**fixtures)), _DEADLINE))

    return test


async def _staged(scene: Coroutine[Any, Any, None]) -> None:
    clients: list[Any] = []
    on_stage.set(clients)
    try:
        await scene
    finally:
        for client in clients:
            client.vanish()
