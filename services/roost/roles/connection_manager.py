"""The role that terminates client streams."""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor

from roost import __version__
from roost.cluster.census import Drift
from roost.cluster.client import RedisClient
from roost.cluster.courier import Couriers
from roost.cluster.leases import PodLease
from roost.cluster.member import Member
from roost.cluster.rates import Rates
from roost.cluster.registry import Registry
from roost.cluster.shards import ShardStream
from roost.cluster.topology import topology
from roost.cluster.traced import bus, courier, inbox
from roost.core.authentication import LoginLimits
from roost.core.binding import Binder
from roost.core.drain import Drain
from roost.core.features import Feature
from roost.core.iq import IqDispatcher
from roost.core.offers import Offers, StreamRules
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.core.removal import AccountRemoval
from roost.core.router import Router
from roost.core.session import LocalSessions, Session, SessionServices
from roost.core.stream import ClientStream, StreamServices
from roost.core.traced import authenticator
from roost.core.traffic import Traffic
from roost.features.availability import ClientPresence
from roost.features.disco import Discovery
from roost.features.entity_time import EntityTime
from roost.features.offline import OfflineMessages
from roost.features.ping import Ping
from roost.features.register import Registration
from roost.features.roster import Roster
from roost.features.version import Version
from roost.net.listeners import Listeners
from roost.net.proxied import Balancers
from roost.net.tcp import Connections
from roost.net.tls import ServerTls
from roost.protocol.errors import StreamError
from roost.protocol.restricted import Limits
from roost.runtime import health
from roost.runtime.config import Settings
from roost.runtime.lifecycle import DRAIN_SHARE, Ending, Stop, stop_on_signals
from roost.runtime.logging import configure, learn_secret, logger
from roost.runtime.metrics import CONNECTION_MANAGER, Metrics, watch_loop
from roost.runtime.tasks import OwnedTasks
from roost.runtime.tracing import tracer
from roost.runtime.values import networks
from roost.store.accounts import Accounts
from roost.store.migrate import WrongSchema, check, newest
from roost.store.offline import OfflineMessages as StoredMessages
from roost.store.rosters import Rosters
from roost.store.traced import pool

_NAME = "Roost"
_CERTIFICATE_SECONDS = 60
_log = logger(__name__)


async def run(settings: Settings) -> int:
    """Serve clients until asked to stop; the exit code."""
    configure(settings, "connection-manager")
    pod: ConnectionManager | None = None
    try:
        pod = ConnectionManager(settings)
        await pod.open()
    except (BusUnavailable, StoreUnavailable, WrongSchema, OSError, ValueError) as error:
        _log.error("cannot start", reason=str(error))
        if pod is not None:
            await pod.close()
        return 1
    stop = stop_on_signals()
    return await pod.serve(stop)


class ConnectionManager:
    """One pod: its adapters, its features, its ports. Built once, opened once."""

    def __init__(self, settings: Settings) -> None:
        """Connects nothing yet."""
        self._settings = s = settings
        self.metrics = Metrics(CONNECTION_MANAGER)
        self._tasks = OwnedTasks(self._bug)
        self._work = OwnedTasks(self._bug)  # what clients have asked for; it is finished at the end
        self._fenced = asyncio.Event()
        self._ready = False
        self._executor = ThreadPoolExecutor(s.hash_threads, thread_name_prefix="hash")
        self._name = secrets.token_hex(6)
        self._tracer = tracer(s, "connection-manager", self._name)
        self._adapters()
        self._rules()
        self._network()
        self._figures()

    # --- building ---

    def _adapters(self) -> None:
        s = self._settings
        seconds = s.redis_timeout_seconds
        self._redis = RedisClient(
            topology(s.redis_url, seconds), timeout=seconds, probe_seconds=s.heartbeat_seconds
        )
        self._pool = pool(
            self._tracer, s.database_url, size=s.database_pool_size, timeout=s.store_timeout_seconds
        )
        self._accounts = Accounts(self._pool)
        self._rosters = Rosters(self._pool)
        self._stored = StoredMessages(self._pool, limit=s.offline_messages_per_account)
        self._registry = Registry(
            self._redis,
            sessions_per_account=s.sessions_per_account,
            directed_per_session=s.directed_presences_per_session,
        )
        self._bus = bus(self._tracer, self._redis, queue_stanzas=s.session_queue_stanzas)
        self._rates = Rates(self._redis)
        self._couriers = Couriers(
            self._redis,
            trim_seconds=s.queue_trim_seconds,
            queue_stanzas=s.session_queue_stanzas,
            on_gap=self.metrics.counter("queues_gaps"),
            on_bug=self._bug,
            courier=courier(self._tracer),
        )
        self._presence = ShardStream(self._redis, "presence", s.presence_shards, waiting=s.shard_entries)
        self._fan_in()
        self._member = Member.of(s, self._redis, "connection-manager", self._name, schema=newest())
        self._lease = PodLease(
            self._redis,
            self._name,
            lease_seconds=s.lease_seconds,
            heartbeat_seconds=s.heartbeat_seconds,
            on_empty=self._enter_again,
            on_fenced=self._give_up,
            count=self.metrics.counter("leases_renewals"),
        )

    def _fan_in(self) -> None:
        """What comes for many of this pod's sessions at once."""
        self._sessions = LocalSessions()
        self._inbox = inbox(
            self._tracer, self._redis, self._name, self._sessions.deliver, self._lost_presence, self._bug
        )

    def _rules(self) -> None:
        s = self._settings
        domains = frozenset({s.domain})
        self._offline = offline = OfflineMessages(self._stored, self._bus, self._bug)
        self._router = Router(self._bus, domains, offline.absent)
        self._availability = ClientPresence(
            self._registry, self._presence, self._router, s.directed_presences_per_session
        )
        roster = Roster(self._rosters, self._registry, self._bus, self._presence, self._sessions)
        self._register = Registration(
            self._accounts,
            self._rates,
            self._executor,
            AccountRemoval(self._accounts, roster.leave, self._registry, self._bus),
            self._work.spawn,
            self.metrics.counter("registrations"),
            iterations=s.scram_iterations,
            per_minute=s.registrations_per_minute,
        )
        features: list[Feature] = [roster, offline, Ping(), Version(_NAME, __version__), EntityTime()]
        if s.registration == "open":
            features.append(self._register)
        self._features = (Discovery(_NAME, features), *features)

    def _network(self) -> None:
        s = self._settings
        self._traffic = Traffic()
        shared = SessionServices(
            router=self._router,
            iqs=IqDispatcher(self._features, self._bug),
            availability=self._availability,
            drain=self._offline.drain,
            spawn=self._work.spawn,
            close=self._close,
            traffic=self._traffic,
        )
        binder = Binder(self._name, self._registry, self._couriers, self._presence, self._sessions, shared)
        tls = None
        if s.certificate_file is not None and s.key_file is not None:
            tls = ServerTls(s.certificate_file, s.key_file)
        self._authenticator = authenticator(
            self._tracer,
            self._accounts,
            self._executor,
            self._rates,
            iterations=s.scram_iterations,
            limits=LoginLimits(
                s.login_failures_per_account_per_minute, s.login_failures_per_address_per_minute
            ),
        )
        rules = self._stream_rules(tls is not None)
        register = self._register.before_login if s.registration == "open" else None
        services = StreamServices(
            rules=rules,
            authenticator=self._authenticator,
            binder=binder,
            offers=Offers(rules, self._authenticator, self._features, registration=register is not None),
            register=register,
            spawn=self._work.spawn,
            on_bug=self._bug,
            count=self.metrics.count,
        )
        self._binder = binder
        self._tls = tls
        self._connections = Connections(
            make_stream=lambda wire: ClientStream(wire, services),
            tls=tls,
            unauthenticated_seconds=s.unauthenticated_seconds,
            close_seconds=s.close_seconds,
            idle_seconds=s.idle_seconds,
            write_buffer_bytes=s.write_buffer_bytes,
            max_unauthenticated=s.max_unauthenticated_streams,
            count=self.metrics.count,
        )
        balancers = None
        if s.proxy_protocol == "required":
            balancers = Balancers(networks(s.proxy_protocol_from), self._bug)
        self._listeners = Listeners(
            self._connections,
            s.listen_host,
            tls_handshake_seconds=s.unauthenticated_seconds,
            balancers=balancers,
        )
        self._drain = Drain(
            self._connections,
            self._bug,
            per_second=s.drain_streams_per_second,
            seconds=s.drain_seconds * DRAIN_SHARE,
            answer_seconds=s.close_seconds,
        )
        self._ending = Ending(
            not_ready=self._end_readiness,
            stop_listening=self._stop_listening,
            drain=self._see_out,
            give_back=self._give_back,
            close=self.close,
        )

    def _figures(self) -> None:
        self._drift = Drift(self._redis, self._name, lambda: len(self._sessions))
        of_redis = (self._redis, self._drift, self._couriers, self._inbox)
        of_clients = (self._connections, self._authenticator, self._router, self._traffic, self._sessions)
        of_features = (self._availability, self._offline)
        of_tls = () if self._tls is None else (self._tls,)
        self.metrics.watch(self._pool, *of_redis, *of_clients, *of_features, *of_tls)

    def _stream_rules(self, tls_available: bool) -> StreamRules:
        s = self._settings
        return StreamRules(
            domains=self._router.domains,
            tls_required=s.tls == "required",
            tls_available=tls_available,
            before=Limits(s.max_unauthenticated_stanza_bytes, s.max_depth, s.max_attributes),
            after=Limits(s.max_stanza_bytes, s.max_depth, s.max_attributes),
            idle_seconds=s.idle_seconds,
            close_seconds=s.close_seconds,
            login_attempts=s.login_attempts_per_stream,
        )

    # --- life ---

    async def open(self) -> None:
        """Connect, join, listen. Raises BusUnavailable, StoreUnavailable, WrongSchema, OSError."""
        s = self._settings
        if self._tls is None and s.tls == "required":
            raise ValueError(
                "TLS is required: set ROOST_CERTIFICATE_FILE and ROOST_KEY_FILE, or ROOST_TLS=optional"
            )
        await self._pool.open()
        await check(self._pool)
        learn_secret(await self._accounts.secret())
        await self._redis.open()
        await self._lease.take()
        self._inbox.open()
        await self._listen()
        if s.metrics_port:
            server = await health.serve(s.metrics_host, s.metrics_port, self.metrics.registry, self._checks())
            self._tasks.spawn(server.serve_forever())
        for work in (
            self._lease.run(),
            self._member.run(),
            self._couriers.run(),
            self._connections.watch_idle(),
            self._watch_certificate(),
            self._pool.watch(),
            self._drift.run(),
            watch_loop(self.metrics.loop_lag),
        ):
            self._tasks.spawn(work)
        self._ready = True
        _log.info("ready", pod_id=self._name, domain=s.domain)

    async def _listen(self) -> None:
        s = self._settings
        for port, shared in ((s.starttls_port, True), (s.own_starttls_port, False)):
            if port:
                await self._listeners.starttls(port, shared=shared)
        for port, shared in ((s.direct_tls_port, True), (s.own_direct_tls_port, False)):
            if port and self._tls is not None:
                await self._listeners.direct_tls(port, shared=shared)

    async def serve(self, stop: Stop) -> int:
        """Work until asked to stop (0) or until the cluster has given this pod up (1)."""
        asked = asyncio.ensure_future(stop.asked.wait())
        fenced = asyncio.ensure_future(self._fenced.wait())
        await asyncio.wait([asked, fenced], return_when=asyncio.FIRST_COMPLETED)
        for waiting in (asked, fenced):
            waiting.cancel()
        self._tasks.spawn(self._hurry(stop))
        await self._ending.run(self._settings.drain_seconds, stop)
        return 1 if self._fenced.is_set() else 0

    # --- the end, in the order of roost.runtime.lifecycle.Ending ---

    async def _end_readiness(self) -> None:
        self._ready, self.metrics.draining = False, True
        self._member.drain()

    async def _stop_listening(self) -> None:
        await self._listeners.close()

    async def _see_out(self) -> None:
        """Close all streams, then finish what their clients have asked for."""
        if self._fenced.is_set():
            self._drain.hurry()  # the sessions have ended for everybody else
            await self._drain.run(StreamError("reset"))
        else:
            await self._drain.run(StreamError("system-shutdown"))
        await self._work.ended()
        await self._redis.answered()  # a message that nobody took goes to the store
        await self._stored.written()
        await self._redis.answered()

    async def _hurry(self, stop: Stop) -> None:
        await stop.hurried.wait()
        self._drain.hurry()

    async def _give_back(self) -> None:
        if not self._binder.idle:
            _log.warning("sessions are left to the sweep", sessions=len(self._sessions))
        await self._lease.release(empty=self._binder.idle)
        await self._inbox.close()
        await self._member.leave()

    async def close(self) -> None:
        """Close everything, whatever was opened."""
        await self._tasks.close()
        await self._work.close()
        await self._redis.close()
        await self._pool.close()
        if self._tracer is not None:
            await self._tracer.close()
        self._executor.shutdown(wait=False)

    # --- what others report ---

    def _bug(self, where: str, error: BaseException) -> None:
        self.metrics.fault(where)
        _log.error("a fault of ours, contained", where=where, exc_info=error)

    def _close(self, session: Session, error: StreamError) -> None:
        if error.condition == "policy-violation":
            self.metrics.count("queues_full")
        session.wire.stop(error)

    def _checks(self) -> health.Checks:
        return {
            "redis": lambda: self._redis.trouble,
            "database": lambda: self._pool.trouble,
            "listeners": lambda: self._listeners.trouble,
            "drain": lambda: (
                None if self._ready else f"starting or stopping, {len(self._connections.open)} streams open"
            ),
        }

    def _lost_presence(self) -> None:
        """Fan-outs for this pod are gone for good: have everyone's contacts told and read anew."""
        self.metrics.count("drops", "inbox-overrun")
        for session in self._sessions.all():
            self._availability.announce_again(session)

    async def _enter_again(self) -> None:
        """Redis came back empty, and what it held of this pod is known here."""
        _log.warning("Redis came back empty: entering all sessions again", sessions=len(self._sessions))
        self._couriers.restart()
        self._inbox.restart()
        await self._binder.enter_again()
        for session in self._sessions.all():
            self._availability.announce_again(session)

    async def _give_up(self) -> None:
        """The lease was lost, so the sweep has ended our sessions: close them, and begin under a new name."""
        _log.error("the lease was lost: closing all streams")
        self._fenced.set()

    async def _watch_certificate(self) -> None:
        while self._tls is not None:
            await asyncio.sleep(_CERTIFICATE_SECONDS)
            try:
                if self._tls.refresh():
                    _log.info("the certificate was read again")
            except (OSError, ValueError) as error:
                _log.error("the new certificate cannot be used; the old one stays", reason=str(error))
