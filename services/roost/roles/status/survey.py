"""What there is of a cluster, read once from Redis and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from roost import __version__
from roost.cluster.client import RedisClient
from roost.cluster.member import About
from roost.cluster.overview import Overview, Pod, Process, Server, ShardState
from roost.cluster.topology import topology
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.runtime.config import Settings
from roost.store import migrate
from roost.store.accounts import Accounts
from roost.store.pool import Pool as Database

CONNECTION_MANAGER, PRESENCE = "connection-manager", "presence"
_KINDS = {"sentinel": "one server watched by Sentinel", "cluster": "a cluster"}


@dataclass(frozen=True, slots=True)
class Member:
    """One process: what it says of itself, and what the registry and the shards say of it."""

    id: str
    role: str
    about: About | None
    """None for a connection manager that has a lease and has said nothing of itself."""
    silent: float | None
    """Seconds since its last sign of life."""
    alive: bool
    lease: float | None
    """Seconds that its lease (of a connection manager) or the first of its shards' leases has left."""
    sessions: int = 0
    swept: bool = False
    """True while the sessions of a dead connection manager are being ended."""
    shards: tuple[int, ...] = ()
    waiting: int = 0
    """Entries of its shards that are not finished."""

    @property
    def name(self) -> str:
        """What logs call it, or else its id."""
        return self.about.pod if self.about is not None else self.id


@dataclass(frozen=True, slots=True)
class Redis:
    """All servers that hold data, taken together."""

    kind: str
    servers: Sequence[Server]


@dataclass(frozen=True, slots=True)
class Store:
    """The database."""

    version: str
    schema: migrate.Schema
    accounts: int | None
    """None where the schema does not go with this release."""


@dataclass(frozen=True, slots=True)
class Survey:
    """A cluster at one moment."""

    domain: str
    """That of this command's settings, as `presence_shards` is."""
    version: str
    """That of this command."""
    presence_shards: int
    redis: Redis | str
    """A sentence when it cannot be asked; then no process is known."""
    store: Store | str
    members: Sequence[Member]
    shards: Mapping[str, Sequence[ShardState]]
    """By service."""

    def of(self, role: str) -> list[Member]:
        """The members of one role."""
        return [member for member in self.members if member.role == role]

    def alive(self, role: str) -> list[Member]:
        """Those that are alive."""
        return [member for member in self.of(role) if member.alive]


async def survey(settings: Settings) -> Survey:
    """Look at everything that can be reached."""
    timeout = settings.redis_timeout_seconds
    client = RedisClient(
        topology(settings.redis_url, timeout), timeout=timeout, probe_seconds=settings.heartbeat_seconds
    )
    redis: Redis | str
    members: Sequence[Member] = ()
    shards: Sequence[ShardState] = ()
    try:
        await client.open()
        overview = Overview(client)
        processes = await overview.processes()
        # as many as there are for them, whatever the settings of this command
        count = max((one.about.presence_shards for one in processes), default=settings.presence_shards)
        shards = await overview.shards(PRESENCE, count)
        members = _members(processes, await overview.pods(), shards, settings.lease_seconds)
        redis = Redis(_kind(settings.redis_url), await overview.servers())
    except BusUnavailable as error:
        redis = str(error)
    finally:
        await client.close()
    return Survey(
        domain=settings.domain,
        version=__version__,
        presence_shards=settings.presence_shards,
        redis=redis,
        store=await _store(settings),
        members=members,
        shards={PRESENCE: shards},
    )


def _members(
    processes: Sequence[Process], pods: Sequence[Pod], shards: Sequence[ShardState], lease_seconds: float
) -> list[Member]:
    by_id = {pod.id: pod for pod in pods}
    known = {process.about.id for process in processes}
    members = [_member(process, by_id.get(process.about.id), shards, lease_seconds) for process in processes]
    members += [_unknown(pod) for pod in pods if pod.id not in known]
    return sorted(members, key=lambda one: (one.role, one.name))


def _member(process: Process, pod: Pod | None, shards: Sequence[ShardState], lease_seconds: float) -> Member:
    about = process.about
    owned = [shard for shard in shards if shard.owner == about.id]
    leases = [shard.lease for shard in owned if shard.lease is not None]
    if pod is not None and pod.lease is not None:
        leases.append(pod.lease)
    return Member(
        id=about.id,
        role=about.role,
        about=about,
        silent=process.silent,
        alive=process.silent < lease_seconds,
        lease=min(leases, default=None),
        sessions=pod.sessions if pod is not None else 0,
        swept=pod is not None and pod.swept,
        shards=tuple(shard.number for shard in owned),
        waiting=sum(shard.waiting for shard in owned),
    )


def _unknown(pod: Pod) -> Member:
    alive = pod.lease is not None and pod.lease > 0
    return Member(pod.id, CONNECTION_MANAGER, None, None, alive, pod.lease, pod.sessions, pod.swept)


def _kind(url: str) -> str:
    mode = url.partition("://")[0].partition("+")[2]
    return _KINDS.get(mode, "one server")


async def _store(settings: Settings) -> Store | str:
    pool = Database(settings.database_url, size=1, timeout=settings.store_timeout_seconds)
    try:
        await pool.open()
        schema = await migrate.schema(pool)
        accounts = await Accounts(pool).count() if schema.trouble is None else None
        return Store(await pool.version(), schema, accounts)
    except StoreUnavailable as error:
        return str(error)
    finally:
        await pool.close()
