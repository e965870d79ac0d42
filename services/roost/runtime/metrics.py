"""All metrics: one table of what they are called and mean, and where each process reads its own.

Names are `roost_<subsystem>_<what>_<unit or total>`. Two ways lead into one: what happens now and then is
counted here, by `count`; what happens for every stanza, and what is known anyway, is kept as plain numbers
by whoever does the work (`runtime.figures`) and read when somebody asks for `/metrics`.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import cast

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from roost import __version__
from roost.runtime.figures import FAST_SECONDS, Count, Figures, Histogram, Reading, Source, Value, Watched
from roost.runtime.process import Process

CONNECTION_MANAGER = "connection-manager"
PRESENCE = "presence"
_CM = (CONNECTION_MANAGER,)
_PRESENCE = (PRESENCE,)
_BOTH = (CONNECTION_MANAGER, PRESENCE)
_LAG_SECONDS = 0.5

_COUNTER, _GAUGE, _HISTOGRAM = "counter", "gauge", "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name without prefix, what it means, and which roles have it."""

    name: str
    type: str
    means: str
    roles: tuple[str, ...]
    labels: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    """The values of its one label that are told from the start, at zero, each with what it means; others
    may come. For labels whose values speak for themselves the meaning is empty."""

    @property
    def full_name(self) -> str:
        """The name as Prometheus knows it."""
        return f"roost_{self.name}" + ("_total" if self.type == _COUNTER else "")


def _plain(*values: str) -> dict[str, str]:
    return dict.fromkeys(values, "")


_DROPS = {
    "message-not-kept": "A message without content that found nobody there (XEP-0160 section 3).",
    "offline-full": "A message to an absent account that has its limit of them; its sender was told.",
    "store-busy": "A question or message that found too many waiting for the database.",
    "nobody": "A stanza that is not missed (a headline, an error, directed presence) found nobody there.",
    "elsewhere": "Presence for a domain that is not served here.",
    "no-account": "A subscription request to an account that does not exist.",
    "unanswerable": "A client's error or result that could not be passed on; these are never answered.",
    "session-ended": "An answer for a session that had ended meanwhile.",
    "session-gone": "Presence that arrived for a session which is not here any more, or speaks of one.",
    "sessions-per-account": "A session beyond the limit of its account; the client was told.",
    "directed-per-session": "Presence directed to more addresses than a session may; its sender was told.",
    "leftover": "Presence, or a push or headline, from the queue of a session that ended.",
    "repeated": "A repetition of presence after a service's process died: it had been delivered.",
    "inbox-overrun": "Presence that this process lost for good; everyone's was read anew instead.",
    "entry-unreadable": "An entry of a shard that this release cannot read.",
    "shard-full": "An entry for a shard with its limit of entries waiting; who sent it was told.",
    "redis-refused": "A command that Redis would not take, as when it is out of memory.",
    "redis-away": "A command that waited too long for Redis to come back, or found too many waiting.",
    "redis-behind": "A command while too many answers of Redis were awaited.",
}
_SASL = _plain("success", "not-authorized", "temporary-auth-failure", "aborted", "unavailable")
_CONDITIONS = _plain(
    "connection-timeout",
    "conflict",
    "host-unknown",
    "internal-server-error",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "resource-constraint",
    "system-shutdown",
)

FAMILIES = (
    Family("build_info", _GAUGE, "Always 1; says what runs.", _BOTH, ("version", "role")),
    # Streams: clients' connections
    Family("streams_open", _GAUGE, "Streams that are open.", _CM, ("state", "transport")),
    Family("streams_opened", _COUNTER, "Connections that clients have made.", _CM, ("transport",)),
    Family(
        "streams_errors",
        _COUNTER,
        "Streams ended with an error, by its condition (RFC 6120 section 4.9.3).",
        _CM,
        ("condition",),
        _CONDITIONS,
    ),
    Family(
        "streams_refused",
        _COUNTER,
        "Connections turned away as soon as they were made.",
        _CM,
        ("reason",),
        {
            "too-many-unauthenticated": "As many as may have not logged in yet.",
            "proxy-from-elsewhere": "Not from `proxy_protocol_from`.",
            "proxy-malformed": "With what is no header of the PROXY protocol.",
            "proxy-missing": "Without such a header, or too late with it.",
        },
    ),
    Family("streams_slow", _COUNTER, "Streams closed because the client did not read.", _CM),
    Family("sessions_bound", _GAUGE, "Sessions (bound resources) of this process.", _CM),
    Family(
        "certificate_expiry_seconds",
        _GAUGE,
        "When the certificate in use ends, in seconds of Unix time.",
        _CM,
    ),
    # Stanzas
    Family("stanzas_received", _COUNTER, "Stanzas that clients with a session have sent.", _CM, ("kind",)),
    Family("stanzas_sent", _COUNTER, "Stanzas written to clients with a session.", _CM, ("kind",)),
    Family(
        "stanzas_routed",
        _COUNTER,
        "Clients' stanzas to sessions: `delivered` into at least one queue, `absent` when nobody was there,"
        " `failed` when Redis could not say.",
        _CM,
        ("kind", "outcome"),
    ),
    Family(
        "delivery_seconds",
        _HISTOGRAM,
        "From a stanza's arrival at the sender's process until it is written to the receiver's socket.",
        _CM,
    ),
    Family(
        "bus_lag_seconds",
        _HISTOGRAM,
        "From a stanza's being queued for Redis until the receiver's process hears of it.",
        _CM,
    ),
    Family(
        "presence_delivered", _COUNTER, "Presence stanzas written to clients by the presence service.", _CM
    ),
    # Accounts
    Family("logins", _COUNTER, "Logins, by RFC 6120 section 6.5's outcome.", _CM, ("outcome",), _SASL),
    Family("login_seconds", _HISTOGRAM, "From the first SASL element to the outcome.", _CM),
    Family(
        "registrations",
        _COUNTER,
        "New accounts asked for by clients.",
        _CM,
        ("outcome",),
        _plain("success", "conflict", "not-acceptable", "resource-constraint", "unavailable"),
    ),
    # What is kept for the absent, and what is not
    Family(
        "offline_messages",
        _COUNTER,
        "Messages for accounts with nobody there.",
        _BOTH,
        ("outcome",),
        _plain("stored", "delivered", "full", "unknown", "refused", "dropped", "failed"),
    ),
    Family(
        "drops",
        _COUNTER,
        "What was dropped in silence, or refused at a bound, and is no stream.",
        _BOTH,
        ("reason",),
        _DROPS,
    ),
    # Sessions' queues in Redis
    Family("queues_entries", _GAUGE, "Entries in the queues of this process's sessions, not trimmed.", _CM),
    Family("queues_paused", _GAUGE, "Sessions that are given nothing, as their client does not read.", _CM),
    Family("queues_gaps", _COUNTER, "Publications lost and read from a queue instead.", _CM),
    Family("queues_full", _COUNTER, "Sessions closed because their queue was full.", _CM),
    # The registry
    Family(
        "registry_sessions",
        _GAUGE,
        "Sessions in the cluster; told by the owner of presence shard 0 alone.",
        _PRESENCE,
    ),
    Family(
        "registry_pods",
        _GAUGE,
        "Connection managers with a lease; told by the owner of presence shard 0 alone.",
        _PRESENCE,
    ),
    Family("registry_drift", _GAUGE, "This process's sessions in the registry, less those it has.", _CM),
    Family(
        "leases_renewals",
        _COUNTER,
        "Heartbeats of this process's lease; `lost` ends it, `empty` found that Redis had lost everything.",
        _CM,
        ("outcome",),
        _plain("renewed", "failed", "lost", "empty"),
    ),
    Family("sweeps", _COUNTER, "Dead connection managers whose sessions this process has ended.", _PRESENCE),
    Family("sweeps_sessions", _COUNTER, "Sessions of dead connection managers ended.", _PRESENCE),
    # Shards of services
    Family(
        "shards_configured",
        _GAUGE,
        "Shards that the service has, by the setting: as many should have an owner.",
        _PRESENCE,
        ("service",),
    ),
    Family("shards_owned", _GAUGE, "Shards that this process owns.", _PRESENCE, ("service",)),
    Family("shards_entries_waiting", _GAUGE, "Entries of its shards not finished.", _PRESENCE, ("service",)),
    Family(
        "shards_lag_seconds",
        _HISTOGRAM,
        "From an entry's being appended to its shard until it is handled.",
        _PRESENCE,
        ("service",),
    ),
    Family("shards_batch_entries", _HISTOGRAM, "Entries handled together.", _PRESENCE, ("service",)),
    # Redis
    Family("redis_up", _GAUGE, "1 while all masters are connected.", _BOTH),
    Family("redis_reconnects", _COUNTER, "Connections to Redis made again after a loss.", _BOTH),
    Family(
        "redis_round_trip_seconds",
        _GAUGE,
        "How long the last probe took to come back as a publication, of the slowest master.",
        _BOTH,
    ),
    Family("redis_batch_commands", _HISTOGRAM, "Commands to Redis in one write.", _BOTH),
    # PostgreSQL
    Family("store_up", _GAUGE, "1 while the last statement reached PostgreSQL.", _BOTH),
    Family("store_connections", _GAUGE, "Connections to PostgreSQL, `used` and `idle`.", _BOTH, ("state",)),
    Family(
        "store_statement_seconds",
        _HISTOGRAM,
        "How long a statement or transaction took, the wait for a connection included.",
        _BOTH,
        ("statement",),
    ),
    Family("store_batch_rows", _HISTOGRAM, "Questions or rows in one statement.", _BOTH, ("statement",)),
    Family("store_errors", _COUNTER, "Statements that did not reach PostgreSQL or took too long.", _BOTH),
    # The process
    Family("drain_active", _GAUGE, "1 from the wish to stop until the end.", _BOTH),
    Family("loop_lag_seconds", _HISTOGRAM, "How late the event loop wakes, looked at twice a second.", _BOTH),
    Family("tasks_failures", _COUNTER, "Faults of ours, contained, by where they were.", _BOTH, ("task",)),
)


class Metrics(Collector):
    """The metrics of one process, on a registry of their own."""

    def __init__(self, role: str) -> None:
        """All that a process of that role has, at zero where it counts them itself."""
        self._families = {family.name: family for family in FAMILIES if role in family.roles}
        self._sources: dict[str, list[Source]] = defaultdict(list)
        self._counts: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        for family in self._families.values():
            if family.type == _COUNTER and not family.labels:
                self._counts[family.name][()] = 0
            self._counts[family.name].update({(value,): 0 for value in family.values})
        self.loop_lag = Histogram(FAST_SECONDS)
        self.draining = False
        """To be set when the process has been asked to stop."""
        self.read(
            {
                "build_info": {(__version__, role): 1},
                "loop_lag_seconds": self.loop_lag,
                "drain_active": lambda: int(self.draining),
            }
        )
        self.registry = CollectorRegistry(auto_describe=True)
        for collector in (PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self.registry.register(Process())
        self.registry.register(self)

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Count something that happens now and then; KeyError for a name that this role does not have."""
        assert len(labels) == len(self._families[name].labels)
        counts = self._counts[name]
        counts[labels] = counts.get(labels, 0) + by

    def counter(self, name: str) -> Count:
        """`count` for one name, for whoever need not know it: takes the labels' values."""
        assert name in self._families, name
        return partial(self.count, name)

    def fault(self, where: str) -> None:
        """Count a fault of ours, which `where` tells as in the log.

        What follows ` of ` there says whose it was: a label must not, of whose values there are to be few.
        """
        self.count("tasks_failures", where.partition(" of ")[0])

    def read(self, figures: Figures) -> None:
        """Read these at each look; what has several sources is their sum."""
        for name, source in figures.items():
            assert name in self._families, name
            self._sources[name].append(source)

    def watch(self, *parts: Watched) -> None:
        """Read the figures of these parts of the server at each look."""
        for part in parts:
            self.read(part.figures())

    def describe(self) -> Iterator[Metric]:
        """See prometheus_client: what there is, without a look at the sources."""
        for family in self._families.values():
            yield _exported(family, {})

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        for family in self._families.values():
            yield _exported(family, self._values(family.name))

    def _values(self, name: str) -> Mapping[tuple[str, ...], Value]:
        values: dict[tuple[str, ...], Value] = dict(self._counts[name])
        for source in self._sources[name]:
            for labels, value in _samples(source() if callable(source) else source):
                if isinstance(value, Histogram):
                    values[labels] = value
                else:
                    values[labels] = cast(float, values.get(labels, 0)) + value
        return values


def _samples(reading: Reading) -> Iterable[tuple[tuple[str, ...], Value]]:
    if reading is None:
        return
    if not isinstance(reading, Mapping):
        yield (), reading
        return
    for labels, value in reading.items():
        yield (labels,) if isinstance(labels, str) else labels, value


def _exported(family: Family, values: Mapping[tuple[str, ...], Value]) -> Metric:
    name = f"roost_{family.name}"
    if family.type == _HISTOGRAM:
        return _histogram(HistogramMetricFamily(name, family.means, labels=family.labels), values)
    kind = CounterMetricFamily if family.type == _COUNTER else GaugeMetricFamily
    made = kind(name, family.means, labels=family.labels)
    for labels, value in values.items():
        made.add_metric(labels, cast(float, value))
    return made


def _histogram(made: HistogramMetricFamily, values: Mapping[tuple[str, ...], Value]) -> Metric:
    for labels, histogram in values.items():
        assert isinstance(histogram, Histogram)
        bounds = [*map(floatToGoString, histogram.bounds), "+Inf"]
        counts = map(float, accumulate(histogram.counts))  # each has all that lies below it too
        made.add_metric(labels, list(zip(bounds, counts, strict=True)), histogram.sum / histogram.scale)
    return made


async def watch_loop(lag: Histogram) -> None:
    """Measure for ever how late the event loop wakes; run it as a task."""
    while True:
        due = time.monotonic() + _LAG_SECONDS  # the loop's own clock stands still during a turn
        await asyncio.sleep(_LAG_SECONDS)
        lag.observe(max(0.0, time.monotonic() - due))
