"""The processes themselves: processor, memory, event loop, faults."""

from __future__ import annotations

from deploy.grafana.board import board
from deploy.grafana.panels import GREEN, GREY, RED, YELLOW, graph, heat, number
from deploy.grafana.promql import quantile, rate, total
from grafana_foundation_sdk.models.dashboard import Dashboard

_OURS = "and on (namespace, job, instance) roost_build_info"
_CPU = f"rate(process_cpu_seconds_total{{WHERE}}[RATE]) {_OURS}"
_MEMORY = f"process_resident_memory_bytes{{WHERE}} {_OURS}"
_PER_STANZA = """
    sum(rate(process_cpu_seconds_total{WHERE}[RATE]) and on (namespace, job, instance) roost_build_info)
    / (sum(rate(roost_stanzas_received_total{WHERE}[RATE]))
    + sum(rate(roost_stanzas_sent_total{WHERE}[RATE])) > 0)
"""
_PER_SESSION = """
    sum(process_resident_memory_bytes{WHERE} and on (namespace, job, instance) roost_sessions_bound)
    / (sum(roost_sessions_bound{WHERE}) > 0)
"""

_PANELS = (
    number("Processes", "Processes of Roost that tell figures.", total("roost_build_info"), width=4),
    number(
        "Busiest process",
        "The share of a core that the busiest process uses. Near 1 it cannot do more: add processes.",
        f"max({_CPU})",
        unit="percentunit",
        steps=[(0, GREEN), (0.7, YELLOW), (0.9, RED)],
        width=4,
    ),
    number(
        "Event loop, p99",
        "How late the latest of the event loops wakes.",
        f"max({quantile(0.99, 'roost_loop_lag_seconds', by='instance')})",
        unit="s",
        steps=[(0, GREEN), (0.1, YELLOW), (0.25, RED)],
        width=4,
    ),
    number("Memory, all", "Memory of all processes.", f"sum({_MEMORY})", unit="bytes", width=4),
    number(
        "Faults in an hour",
        "Faults of ours in the last hour. Each was contained, logged, and wants to be repaired.",
        "sum(increase(roost_tasks_failures_total{WHERE}[1h])) or vector(0)",
        steps=[(0, GREEN), (0.5, RED)],
        decimals=0,
        width=4,
    ),
    number(
        "Draining",
        "Processes that are stopping.",
        total("roost_drain_active"),
        steps=[(0, GREEN), (1, YELLOW)],
        width=4,
    ),
    graph(
        "Processor",
        "The share of a core that each process uses. One cannot use more than about one core.",
        (f"sum by (instance) ({_CPU})", "{{instance}}"),
        unit="percentunit",
        limit=0.9,
    ),
    graph(
        "Memory",
        "Resident memory of each process.",
        (f"sum by (instance) ({_MEMORY})", "{{instance}}"),
        unit="bytes",
    ),
    graph(
        "Event loop",
        "How late the event loop of each process wakes, p99. A late loop delays everything.",
        (quantile(0.99, "roost_loop_lag_seconds", by="instance"), "{{instance}}"),
        unit="s",
        limit=0.25,
    ),
    heat("Event loop, all", "How late the event loops of all processes woke.", "roost_loop_lag_seconds"),
    graph(
        "Processor time of a stanza",
        "Processor time of Roost's processes for a stanza in or out, engines not included.",
        (_PER_STANZA, "each stanza"),
        unit="s",
    ),
    graph(
        "Memory of a session",
        "Memory of the connection managers, shared by their sessions. Meaningful with many of them.",
        (_PER_SESSION, "each session"),
        unit="bytes",
    ),
    graph(
        "Garbage collector",
        "Collections per second, by generation. Many of the oldest one cost time.",
        (
            f"sum by (generation) (rate(python_gc_collections_total{{WHERE}}[RATE]) {_OURS})",
            "generation {{generation}}",
        ),
        unit="ops",
    ),
    graph(
        "Faults",
        "Faults of ours that were contained, per second, by where they were.",
        (rate("roost_tasks_failures_total") + " or vector(0)", "all"),
        (rate("roost_tasks_failures_total", by="task"), "{{task}}"),
        unit="ops",
        colours={"all": GREY},
    ),
    graph(
        "Versions",
        "Processes by role and version.",
        (total("roost_build_info", by="role, version"), "{{role}} {{version}}"),
        stacked=True,
    ),
)


def engine() -> Dashboard:
    """Processor, memory, event loop, faults."""
    return board(
        "Engine",
        "Roost's processes: processor, memory, event loop, garbage collector, and faults of ours.",
        _PANELS,
    )
