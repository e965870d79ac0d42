"""The role that tells accounts of each other: presence, subscriptions, and the sweep of dead pods."""

from __future__ import annotations

import asyncio
import secrets

from roost.cluster import traced
from roost.cluster.census import Census
from roost.cluster.client import RedisClient
from roost.cluster.leases import Epoch, Sweeper
from roost.cluster.leftovers import Leftovers
from roost.cluster.member import Member
from roost.cluster.news import News
from roost.cluster.registry import Registry
from roost.cluster.shards import ShardedService, ShardStream
from roost.cluster.topology import topology
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.features.offline import OfflineMessages
from roost.features.presence.audience import Audience
from roost.features.presence.service import Means, PresenceService
from roost.runtime import health
from roost.runtime.config import Settings
from roost.runtime.lifecycle import Ending, Stop, stop_on_signals
from roost.runtime.logging import configure, learn_secret, logger
from roost.runtime.metrics import PRESENCE, Metrics, watch_loop
from roost.runtime.tasks import OwnedTasks
from roost.runtime.tracing import tracer
from roost.store.accounts import Accounts
from roost.store.migrate import WrongSchema, check, newest
from roost.store.offline import OfflineMessages as StoredMessages
from roost.store.pool import Pool
from roost.store.rosters import Rosters

_SERVICE = "presence"
_log = logger(__name__)


async def run(settings: Settings) -> int:
    """Serve the presence service's shards until asked to stop; the exit code."""
    configure(settings, "presence")
    process: PresenceProcess | None = None
    try:
        process = PresenceProcess(settings)
        await process.open()
    except (BusUnavailable, StoreUnavailable, WrongSchema, OSError, ValueError) as error:
        _log.error("cannot start", reason=str(error))
        if process is not None:
            await process.close()
        return 1
    return await process.serve(stop_on_signals())


class PresenceProcess:
    """One process of the presence service. Built once, opened once."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet."""
        self._settings = s = settings
        self.metrics = Metrics(PRESENCE)
        self._tasks = OwnedTasks(self._bug)
        self._ready = False
        self._name = name = secrets.token_hex(6)
        self._tracer = tracer(s, _SERVICE, name)
        timeout = s.redis_timeout_seconds
        self._redis = RedisClient(
            topology(s.redis_url, timeout), timeout=timeout, probe_seconds=s.heartbeat_seconds
        )
        self._pool = Pool(s.database_url, size=s.database_pool_size, timeout=s.store_timeout_seconds)
        self._stream = ShardStream(self._redis, _SERVICE, s.presence_shards, waiting=s.shard_entries)
        self._epoch = Epoch(self._redis)
        self._sweeper = Sweeper(self._redis, self._stream, self._swept, lease_seconds=s.lease_seconds)
        self._member = Member.of(s, self._redis, "presence", name, schema=newest())
        self._service = ShardedService(
            self._redis,
            _SERVICE,
            s.presence_shards,
            name,
            PresenceService(self._means()).shard,
            lease_seconds=s.lease_seconds,
            heartbeat_seconds=s.heartbeat_seconds,
            on_bug=self._bug,
        )
        self._census = Census(self._redis, lambda: 0 in self._service.owned)
        self.metrics.watch(self._redis, self._pool, self._offline, self._service, self._census)
        self._ending = Ending(
            not_ready=self._end_readiness,
            stop_listening=self._stop_listening,
            drain=self._service.finish,
            give_back=self._give_back,
            close=self.close,
        )

    def _means(self) -> Means:
        s = self._settings
        bus = traced.bus(self._tracer, self._redis, queue_stanzas=s.session_queue_stanzas)
        stored = StoredMessages(self._pool, limit=s.offline_messages_per_account)
        self._offline = OfflineMessages(stored, bus, self._bug)
        registry = Registry(
            self._redis,
            sessions_per_account=s.sessions_per_account,
            directed_per_session=s.directed_presences_per_session,
        )
        news = News(self._redis, _SERVICE)
        self._accounts = Accounts(self._pool)
        self._audience = Audience(registry, news.tell, keeps=lambda: self._redis.ordered)
        news.listen(self._audience.heard, self._audience.clear)
        return Means(
            registry=registry,
            audience=self._audience,
            rosters=Rosters(self._pool),
            accounts=self._accounts,
            bus=bus,
            stream=self._stream,
            fanouts=traced.fanouts(self._tracer, self._redis),
            leftovers=Leftovers(self._redis, queue_stanzas=s.session_queue_stanzas),
            keeper=self._offline,
            domains=frozenset({s.domain}),
            on_bug=self._bug,
            dropped=self.metrics.counter("drops"),
        )

    async def open(self) -> None:
        """Connect and begin. Raises BusUnavailable, StoreUnavailable, WrongSchema, OSError."""
        s = self._settings
        await self._pool.open()
        await check(self._pool)
        learn_secret(await self._accounts.secret())
        await self._redis.open()
        await self._epoch.changed()
        if s.metrics_port:
            server = await health.serve(s.metrics_host, s.metrics_port, self.metrics.registry, self._checks())
            self._tasks.spawn(server.serve_forever())
        self._working = self._tasks.spawn(self._service.run())
        for work in (
            self._member.run(),
            self._sweep(),
            self._pool.watch(),
            self._census.run(),
            watch_loop(self.metrics.loop_lag),
        ):
            self._tasks.spawn(work)
        self._ready = True
        _log.info("ready", pod_id=self._name, shards=s.presence_shards)

    async def serve(self, stop: Stop) -> int:
        """Work until asked to stop; then finish what is at hand and give the shards back."""
        await stop.asked.wait()
        _log.info("stopping", shards=len(self._service.owned))
        await self._ending.run(self._settings.drain_seconds, stop)
        return 0

    async def _end_readiness(self) -> None:
        self._ready, self.metrics.draining = False, True
        self._member.drain()

    async def _stop_listening(self) -> None:
        """Take no more shards."""
        self._working.cancel()
        await asyncio.wait([self._working])

    async def _give_back(self) -> None:
        await self._service.give_back()
        await self._member.leave()

    async def close(self) -> None:
        """Close everything, whatever was opened."""
        await self._tasks.close()
        await self._redis.close()
        await self._pool.close()
        if self._tracer is not None:
            await self._tracer.close()

    async def _sweep(self) -> None:
        """Look for dead pods, if the first shard is ours; notice when Redis came back empty."""
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            try:
                if await self._epoch.changed():
                    _log.warning("Redis came back empty: taking shards anew")
                    self._audience.clear()
                    self._service.restart()
                if 0 in self._service.owned:
                    await self._sweeper.sweep()
            except BusUnavailable:
                continue  # the next look will find what this one would have

    def _swept(self, pod: str, sessions: int) -> None:
        self.metrics.count("sweeps")
        self.metrics.count("sweeps_sessions", by=sessions)
        _log.warning("a pod's lease ran out: its sessions were ended", dead=pod, sessions=sessions)

    def _checks(self) -> health.Checks:
        return {
            "redis": lambda: self._redis.trouble,
            "database": lambda: self._pool.trouble,
            "drain": lambda: None if self._ready else "starting or stopping",
        }

    def _bug(self, where: str, error: BaseException) -> None:
        self.metrics.fault(where)
        _log.error("a fault of ours, contained", where=where, exc_info=error)
