"""Which Redis server holds what: one server, a master watched by Sentinels, or a cluster.

The answers come from redis-py; only what every stanza passes through is our own.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from redis.asyncio.cluster import RedisCluster
from redis.asyncio.sentinel import Sentinel
from redis.crc import key_slot
from redis.exceptions import RedisClusterException, RedisError

from roost.core.ports import BusUnavailable

_DEFAULT_PORT = 6379
_DEFAULT_SENTINEL_PORT = 26379
_SLOTS = 16384
_TRIES = 100_000


@dataclass(frozen=True, slots=True)
class Address:
    """Where one server listens: a host and port, or the path of a socket."""

    host: str
    port: int
    path: str = ""

    def __str__(self) -> str:
        """As a log line shows it."""
        return self.path or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Access:
    """How to get in to any server of the installation."""

    username: str | None
    password: str | None
    tls: bool
    ca: str | None = None
    """The file of the CA that signed the servers' certificates; None for the system's."""

    def context(self) -> ssl.SSLContext | None:
        """What TLS trusts; None where there is none. Raises BusUnavailable when the CA cannot be had."""
        if not self.tls:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError:
            raise BusUnavailable(f"{self.ca}, named as the CA of Redis, holds no certificate") from None
        except OSError as error:
            raise BusUnavailable(f"{self.ca}, the CA of Redis, cannot be read: {error.strerror}") from None


class Topology(Protocol):
    """Tells which server to ask; `refresh` looks again, after a failure or a redirection."""

    access: Access

    async def refresh(self) -> None:
        """Look at the installation again; raises BusUnavailable."""
        ...

    def addresses(self) -> Sequence[Address]:
        """All masters."""
        ...

    def place(self, key: str) -> Address:
        """The master that holds `key`."""
        ...

    async def moved(self) -> bool:
        """Whether masters have changed, as far as that is cheap to learn and servers do not tell."""
        ...

    async def close(self) -> None:
        """Close whatever is open."""
        ...


def one_each(topology: Topology, prefix: str) -> dict[Address, str]:
    """For each master a key `prefix:{N}` that lies on it, with the lowest N."""
    left = set(topology.addresses())
    keys: dict[Address, str] = {}
    for number in range(_TRIES):
        if not left:
            break
        key = f"{prefix}:{{{number}}}"
        address = topology.place(key)
        if address in left:
            left.discard(address)
            keys[address] = key
    return keys


def topology(url: str, timeout: float) -> Topology:
    """The topology that `url` names; raises ValueError.

    `redis://[user:password@]host[:port]`, `rediss://` for TLS, `unix:///path`,
    `redis+sentinel://[user:password@]host[:port],…/name-of-the-master`,
    `redis+cluster://[user:password@]host[:port],…`; `rediss+…` for TLS, with Sentinels too. `?ca=FILE` names
    the CA,
    `?sentinel_username=…&sentinel_password=…` is what the Sentinels themselves demand.
    `timeout` bounds each question to the installation, in seconds.
    """
    parts = urlsplit(url)
    scheme, _, mode = parts.scheme.partition("+")
    if scheme == "unix":
        return _Standalone(Address("", 0, parts.path), _access(parts, tls=False))
    if scheme not in {"redis", "rediss"} or mode not in {"", "sentinel", "cluster"}:
        raise ValueError(f"{parts.scheme}:// is no way to reach Redis")
    access = _access(parts, tls=scheme == "rediss")
    port = _DEFAULT_SENTINEL_PORT if mode == "sentinel" else _DEFAULT_PORT
    seeds = _seeds(parts.netloc.rpartition("@")[2], port)
    if mode != "sentinel" and parts.path not in {"", "/", "/0"}:
        raise ValueError(f"Roost uses database 0 of a Redis of its own, not {parts.path.strip('/')}")
    if mode == "sentinel":
        name = parts.path.strip("/") or "mymaster"
        return _Sentinel(seeds, name, access, _of_the_sentinels(parts.query), timeout)
    if mode == "cluster":
        return _Cluster(seeds, access, timeout)
    return _Standalone(seeds[0], access)


def _access(parts: SplitResult, *, tls: bool) -> Access:
    credentials = parts.netloc.rpartition("@")[0]
    username, _, password = credentials.partition(":")
    ca = parse_qs(parts.query)["ca"][0] if "ca=" in parts.query else None
    return Access(unquote(username) or None, unquote(password) or None, tls, ca)


def _of_the_sentinels(query: str) -> dict[str, str]:
    """Their own user and password, as far as given: no servers that hold data, they have users apart."""
    given = parse_qs(query)
    return {
        name: given[f"sentinel_{name}"][0] for name in ("username", "password") if f"sentinel_{name}" in given
    }


def _seeds(text: str, default_port: int) -> list[Address]:
    seeds = []
    for one in text.split(","):
        host, colon, port = one.rpartition(":")
        if not colon or port.endswith("]"):
            host, port = one, str(default_port)
        seeds.append(Address(host.strip("[]") or "localhost", int(port)))
    return seeds


class _Standalone:
    def __init__(self, address: Address, access: Access) -> None:
        self.access = access
        self._address = address

    async def refresh(self) -> None:
        """See Topology."""

    async def moved(self) -> bool:
        """See Topology."""
        return False

    async def close(self) -> None:
        """See Topology."""

    def addresses(self) -> Sequence[Address]:
        """See Topology."""
        return [self._address]

    def place(self, key: str) -> Address:
        """See Topology."""
        return self._address


class _Sentinel:
    def __init__(
        self, seeds: list[Address], name: str, access: Access, own: dict[str, str], timeout: float
    ) -> None:
        self.access = access
        self._name = name
        self._address = seeds[0]
        self._sentinel = Sentinel(
            [(seed.host, seed.port) for seed in seeds],
            sentinel_kwargs={
                "socket_timeout": timeout,
                "socket_connect_timeout": timeout,
                "ssl": access.tls,
                "ssl_ca_certs": access.ca,
                **own,
            },
        )

    async def refresh(self) -> None:
        """See Topology."""
        try:
            self._address = await self._discover()
        except (RedisError, OSError) as error:
            raise BusUnavailable(f"no Sentinel names a master {self._name}: {error}") from error

    async def moved(self) -> bool:
        """See Topology. A master cut off with us would go on and never say that it is none any more."""
        try:
            return await self._discover() != self._address
        except (RedisError, OSError):
            return False

    async def close(self) -> None:
        """See Topology."""
        for sentinel in self._sentinel.sentinels:
            await sentinel.aclose()

    async def _discover(self) -> Address:
        host, port = await self._sentinel.discover_master(self._name)
        return Address(host, int(port))

    def addresses(self) -> Sequence[Address]:
        """See Topology."""
        return [self._address]

    def place(self, key: str) -> Address:
        """See Topology."""
        return self._address


class _Cluster:
    def __init__(self, seeds: list[Address], access: Access, timeout: float) -> None:
        self.access = access
        self._seeds = seeds
        self._timeout = timeout
        self._slots: list[Address] = [seeds[0]] * _SLOTS
        self._masters: list[Address] = []

    async def refresh(self) -> None:
        """See Topology."""
        failure: Exception | None = None
        for seed in [*self._masters, *self._seeds]:
            try:
                await self._ask(seed)
            except (RedisError, RedisClusterException, OSError) as error:
                failure = error
            else:
                return
        raise BusUnavailable(f"no node of the Redis cluster answers: {failure}")

    async def _ask(self, seed: Address) -> None:
        cluster = RedisCluster(
            host=seed.host,
            port=seed.port,
            username=self.access.username,
            password=self.access.password,
            ssl=self.access.tls,
            ssl_ca_certs=self.access.ca,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
        )
        async with cluster:
            masters = {node.name: Address(node.host, int(node.port)) for node in cluster.get_primaries()}
            for slot, nodes in cluster.nodes_manager.slots_cache.items():
                self._slots[slot] = masters[nodes[0].name]
            self._masters = list(masters.values())

    async def moved(self) -> bool:
        """See Topology. The servers of a cluster tell: a minority stops answering."""
        return False

    async def close(self) -> None:
        """See Topology."""

    def addresses(self) -> Sequence[Address]:
        """See Topology."""
        return self._masters

    def place(self, key: str) -> Address:
        """See Topology."""
        return self._slots[key_slot(key.encode())]
