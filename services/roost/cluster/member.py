"""A process as one of the cluster's: it says what it is, and hears at which level it is to log."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from roost import __version__
from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.core.ports import BusUnavailable
from roost.runtime.config import Settings
from roost.runtime.logging import logger, override_level

_log = logger("roost.redis")
REMEMBERED_SECONDS = 900
"""How long a process that ended without a word is told of."""
CONFIGURED = "configured"
"""In place of a log level: the one in the settings."""

_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - no address to reach anybody at


@dataclass(frozen=True, slots=True)
class About:
    """What a process says of itself, for operators."""

    id: str
    """Its name in the registry or as an owner of shards, new at each start."""
    role: str
    pod: str
    """What it is called in logs."""
    version: str
    domain: str
    started: float
    """When, in seconds since the epoch."""
    schema: int
    """The number of the database's schema that its release brings."""
    wire: int
    """The version of keys and envelopes that it writes."""
    presence_shards: int
    metrics: str
    """`host:port` of its metrics port; empty without one."""
    draining: bool = False
    """Whether it has been asked to stop; releases before this one do not say."""

    @staticmethod
    def read(said: Mapping[bytes, bytes]) -> About | None:
        """What a process of any release has said; None when it has not said all that is needed here."""
        try:
            return _ABOUT.validate_python({name.decode(): value.decode() for name, value in said.items()})
        except ValueError:
            return None


_ABOUT = TypeAdapter(About)


class Member:
    """Enters this process among the cluster's again and again, and follows what is asked of its log."""

    def __init__(
        self,
        client: RedisClient,
        about: About,
        *,
        heartbeat_seconds: float,
        on_level: Callable[[str | None], None],
    ) -> None:
        """`on_level` hears each change of the level that is asked for; None is that of the settings."""
        self._client = client
        self._about = about
        self._keys = [keys.PROCESSES, keys.about(about.id), keys.LEVELS]
        self._left = False
        self._heartbeat = heartbeat_seconds
        self._on_level = on_level
        self._level: str | None = None
        self._until = 0.0
        self._script = client.script("about")
        self._wake = asyncio.Event()
        client.on_return(self._returned)

    @classmethod
    def of(cls, settings: Settings, client: RedisClient, role: str, id: str, *, schema: int) -> Member:
        """This process, with the id by which the registry or a service's shards know it."""
        host = socket.gethostname() if settings.metrics_host in _EVERYWHERE else settings.metrics_host
        about = About(
            id=id,
            role=role,
            pod=settings.pod_name,
            version=__version__,
            domain=settings.domain,
            started=time.time(),
            schema=schema,
            wire=keys.VERSION,
            presence_shards=settings.presence_shards,
            metrics=f"{host}:{settings.metrics_port}" if settings.metrics_port else "",
        )
        on_level = partial(override_level, settings.log_level)
        return cls(client, about, heartbeat_seconds=settings.heartbeat_seconds, on_level=on_level)

    async def run(self) -> None:
        """Be a member until cancelled."""
        self._client.subscribe(keys.LEVELS_CHANGED, lambda _data: self._wake.set())
        while True:
            await self._beat()
            await self._pause()

    def drain(self) -> None:
        """Say at once, and from now on, that it has been asked to stop."""
        self._about = replace(self._about, draining=True)
        self._wake.set()

    async def leave(self) -> None:
        """Be one no longer. Without Redis, it will be seen to have gone."""
        self._left = True
        self._client.unsubscribe(keys.LEVELS_CHANGED)
        if self._client.connected:
            with suppress(BusUnavailable):
                await self._say(0)

    async def _returned(self) -> None:
        _log.info("connected to Redis again")
        self._wake.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._heartbeat):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _beat(self) -> None:
        if self._left:
            return
        try:
            asked = await self._say(REMEMBERED_SECONDS)
        except BusUnavailable:
            if time.monotonic() >= self._until:
                self._use(None)  # a level that was asked for must not stay because Redis is away
            return
        if asked:
            self._until = time.monotonic() + asked[1] / 1000
        self._use(asked[0].decode() if asked else None)

    def _use(self, level: str | None) -> None:
        if level != self._level:
            self._level = level
            self._on_level(level)

    async def _say(self, seconds: int) -> list[Any]:
        said = [part for field, value in asdict(self._about).items() for part in (field, str(value))]
        reply: list[Any] = await self._client.run(
            self._script, self._keys, self._about.id, seconds * 1000, self._about.pod, *said
        )
        return reply


class LogLevels:
    """Asks processes to log at another level."""

    def __init__(self, client: RedisClient) -> None:
        """Asks nothing yet."""
        self._client = client
        self._script = client.script("level")

    async def ask(self, pod: str | None, level: str, seconds: float) -> None:
        """Have the processes called `pod`, or all, log at `level` for so long, those that start then too.

        CONFIGURED has them go back to the level in their settings. Raises BusUnavailable.
        """
        await self._client.run(
            self._script, [keys.LEVELS, keys.LEVELS_CHANGED], pod or "", level, int(seconds * 1000)
        )
