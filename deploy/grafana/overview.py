"""The first dashboard that one looks at: does it work, how busy is it, where to look next."""

from __future__ import annotations

from deploy.grafana.board import board
from deploy.grafana.panels import GREEN, OUTCOMES, QUANTILES, RED, YELLOW, graph, number, state
from deploy.grafana.promql import quantile, rate, total
from grafana_foundation_sdk.models.dashboard import Dashboard

_SESSIONS = "sum(max by (namespace, job) (roost_registry_sessions{WHERE}))"
_PODS = "sum(max by (namespace, job) (roost_registry_pods{WHERE}))"
_LOST = """
    sum(rate(roost_stanzas_routed_total{outcome="failed", WHERE}[RATE]))
    + sum(rate(roost_queues_full_total{WHERE}[RATE]))
"""


def _ours(expression: str) -> str:
    """Of what every program tells, that of our processes."""
    return f"sum by (instance) ({expression} and on (namespace, job, instance) roost_build_info)"


_PANELS = (
    number("Sessions", "Sessions in the registry: bound resources of the whole cluster.", _SESSIONS),
    number(
        "Connection managers",
        "Connection managers with a lease. One alone cannot die without a break.",
        _PODS,
        steps=[(0, RED), (1, YELLOW), (2, GREEN)],
    ),
    number(
        "Messages",
        "Messages that clients have sent, per second.",
        rate("roost_stanzas_received_total", 'kind="message"'),
        unit="mps",
    ),
    number(
        "Delivery, p99",
        "99 of 100 stanzas take at most this from the sender's process to the receiver's socket.",
        quantile(0.99, "roost_delivery_seconds"),
        unit="s",
        steps=[(0, GREEN), (0.25, YELLOW), (1, RED)],
    ),
    number(
        "Not delivered",
        "Stanzas per second that failed or found a full queue; their senders were told.",
        _LOST,
        unit="mps",
        steps=[(0, GREEN), (0.01, RED)],
    ),
    number(
        "Alerts",
        "Alerts of Roost that are firing.",
        'sum(ALERTS{alertname=~"Roost.+", alertstate="firing"}) or vector(0)',
        steps=[(0, GREEN), (1, RED)],
    ),
    state(
        "Redis",
        "Whether all processes are connected to Redis.",
        "min(roost_redis_up{WHERE})",
        zero="away",
        one="up",
    ),
    state(
        "PostgreSQL",
        "Whether the last statement of every process reached PostgreSQL.",
        "min(roost_store_up{WHERE})",
        zero="away",
        one="up",
    ),
    graph(
        "Sessions by process",
        "Sessions of each connection manager. They need not be equal: clients stay where they are.",
        (total("roost_sessions_bound", by="instance"), "{{instance}}"),
        stacked=True,
    ),
    graph(
        "Stanzas",
        "Stanzas from and to clients, per second.",
        (rate("roost_stanzas_received_total", by="kind"), "{{kind}} from clients"),
        (rate("roost_stanzas_sent_total", by="kind"), "{{kind}} to clients"),
        unit="mps",
    ),
    graph(
        "Delivery",
        "From a stanza's arrival at the sender's process to its leaving for the receiver's socket.",
        (quantile(0.5, "roost_delivery_seconds"), "p50"),
        (quantile(0.95, "roost_delivery_seconds"), "p95"),
        (quantile(0.99, "roost_delivery_seconds"), "p99"),
        unit="s",
        limit=1,
        colours=QUANTILES,
    ),
    graph(
        "Logins",
        "Logins by outcome, per second.",
        (rate("roost_logins_total", by="outcome"), "{{outcome}}"),
        unit="reqps",
        colours=OUTCOMES,
    ),
    graph(
        "Processor",
        "Cores that each process keeps busy. One process cannot use more than about one.",
        (_ours("rate(process_cpu_seconds_total{WHERE}[RATE])"), "{{instance}}"),
        unit="percentunit",
        limit=0.9,
    ),
    graph(
        "Event loop",
        "How late the event loop of each process wakes, p99. A late loop delays everything.",
        (quantile(0.99, "roost_loop_lag_seconds", by="instance"), "{{instance}}"),
        unit="s",
        limit=0.25,
    ),
    graph(
        "Versions",
        "Processes by role and version: two versions while an upgrade goes on, one otherwise.",
        (total("roost_build_info", by="role, version"), "{{role}} {{version}}"),
        stacked=True,
        width=24,
        height=5,
    ),
)


def overview() -> Dashboard:
    """Does it work, how busy is it, where to look next."""
    return board(
        "Overview",
        "Whether Roost works and how busy it is. The other dashboards are linked above.",
        _PANELS,
    )
