"""The cluster at a glance, as Redis knows it; for operators, not for the server's own work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.member import About
from roost.cluster.resp import pack


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has said what it is."""

    about: About
    silent: float
    """Seconds since its last sign of life."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A connection manager as the registry knows it, by its name there."""

    id: str
    sessions: int
    lease: float | None
    """Seconds that its lease has left; None without one."""
    swept: bool
    """True for a dead one whose sessions are being ended."""


@dataclass(frozen=True, slots=True)
class ShardState:
    """One shard of a service."""

    number: int
    owner: str | None
    """The id of the process whose lease on it runs."""
    lease: float | None
    """Seconds that the owner's lease has left."""
    waiting: int
    """Entries that are not finished."""


@dataclass(frozen=True, slots=True)
class Server:
    """One Redis or Valkey that holds data."""

    product: str
    version: str
    memory: int
    """Bytes in use."""
    limit: int
    """Bytes it may use; 0 for no limit of its own."""


class Overview:
    """Reads the present state. Everything raises BusUnavailable."""

    def __init__(self, client: RedisClient) -> None:
        """Reads with `client`, which is open by then."""
        self._client = client

    async def processes(self) -> list[Process]:
        """All that are there or were a while ago, those that came first at the front."""
        now = await self._now()
        found = await self._client.call(keys.PROCESSES, "ZRANGE", keys.PROCESSES, 0, -1, "WITHSCORES")
        marks = {id_.decode(): score for id_, score in found}
        said = await self._each("HGETALL", map(keys.about, marks))
        known = [
            Process(about, max(0.0, now - mark / 1000))
            for about, mark in zip(map(About.read, said), marks.values(), strict=True)
            if about is not None
        ]
        return sorted(known, key=lambda one: one.about.started)

    async def pods(self) -> list[Pod]:
        """All connection managers that have a lease, or whose sessions are being ended."""
        now = await self._now()
        found = await self._client.call(keys.PODS, "ZRANGE", keys.PODS, 0, -1, "WITHSCORES")
        ends = {id_.decode(): score / 1000 - now for id_, score in found}
        swept = {id_.decode() for id_ in await self._client.call(keys.SWEPT, "SMEMBERS", keys.SWEPT)}
        ids = [*ends, *sorted(swept - ends.keys())]
        sessions = await self._each("SCARD", map(keys.pod_sessions, ids))
        return [
            Pod(id_, count, ends.get(id_), id_ in swept) for id_, count in zip(ids, sessions, strict=True)
        ]

    async def shards(self, service: str, count: int) -> list[ShardState]:
        """All shards of a service."""
        now = await self._now()
        numbers = range(count)
        owners = await self._each(
            "HMGET", (keys.shard_owner(service, number) for number in numbers), "owner", "until"
        )
        waiting = await self._each("XLEN", (keys.shard(service, number) for number in numbers))
        return [_shard(*one, now) for one in zip(numbers, owners, waiting, strict=True)]

    async def servers(self) -> list[Server]:
        """All masters."""
        return [_server(await self._client.call(key, "INFO")) for key in self._client.one_each(keys.EPOCH)]

    async def _each(self, verb: str, names: Iterable[str], *arguments: str) -> list[Any]:
        return await self._client.gather([(name, pack(verb, name, *arguments)) for name in names])

    async def _now(self) -> float:
        """The time by the clock that leases run on."""
        seconds, microseconds = await self._client.call(keys.PODS, "TIME")
        return int(seconds) + int(microseconds) / 1e6


def _shard(number: int, state: list[bytes | None], waiting: int, now: float) -> ShardState:
    owner, until = state
    lease = int(until or 0) / 1000 - now
    if owner is None or lease <= 0:
        return ShardState(number, None, None, waiting)
    return ShardState(number, owner.decode(), lease, waiting)


def _server(information: str | bytes) -> Server:
    text = information.decode() if isinstance(information, bytes) else information
    said: Mapping[str, str] = {
        name: value for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon
    }
    product = "Valkey" if "valkey_version" in said else "Redis"
    return Server(
        product,
        said.get("valkey_version", said.get("redis_version", "?")),
        int(said.get("used_memory", 0)),
        int(said.get("maxmemory", 0)),
    )
