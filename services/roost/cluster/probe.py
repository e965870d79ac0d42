"""Whether a server that seems to be there is the one that publishes to us, and takes what we write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import hiredis

from roost.cluster.link import Link
from roost.core.ports import BusUnavailable
from roost.runtime.logging import logger

_log = logger("roost.redis")
_ELSEWHERE = ("READONLY ", "MOVED ", "MASTERDOWN ")


class Subscriptions(Protocol):
    """Hears what is published."""

    def subscribe(self, channel: str, handler: Callable[[bytes], None]) -> None:
        """Begin to hear a channel."""
        ...

    def unsubscribe(self, channel: str) -> None:
        """Hear it no more."""
        ...


async def round_trip(link: Link, channel: str, subscriptions: Subscriptions, seconds: float) -> float | None:
    """How long `link` takes, in seconds, to take a write and bring us our own publication.

    None when it does not within `seconds`, or is not the one that should.

    A demoted master stays connected and publishes what it is told to, which is nothing; only a write
    shows what it is. An error of another kind says that somebody is there, and has other troubles.
    """
    began = time.monotonic()
    heard = asyncio.Event()
    subscriptions.subscribe(channel, lambda _data: heard.set())
    try:
        async with asyncio.timeout(seconds):
            await link.call("SET", channel, "", "PX", 1)
            await link.call("SPUBLISH", channel, "")
            await heard.wait()
    except (TimeoutError, BusUnavailable):
        _log.warning("Redis does not answer: connecting again", seconds=seconds)
        return None
    except hiredis.ReplyError as error:
        if str(error).startswith(_ELSEWHERE):
            return None
    finally:
        subscriptions.unsubscribe(channel)
    return time.monotonic() - began
