"""The presence service: who owns which shards, how far behind they are, and who died."""

from __future__ import annotations

from deploy.grafana.board import board
from deploy.grafana.panels import GREEN, ORANGE, RED, YELLOW, graph, heat, number
from deploy.grafana.promql import mean, quantile, rate, total
from grafana_foundation_sdk.models.dashboard import Dashboard

_PROCESSES = 'count(roost_build_info{role="presence", WHERE})'
_SWEEPS = "sum(increase(roost_sweeps_total{WHERE}[1h]))"

_PANELS = (
    number(
        "Processes",
        "Presence processes. One alone cannot die without a pause of presence.",
        _PROCESSES,
        steps=[(0, RED), (1, YELLOW), (2, GREEN)],
        width=4,
    ),
    number(
        "Shards owned",
        "Shards that have an owner; all of them should: `presence_shards`, 16 by default.",
        total("roost_shards_owned"),
        steps=[(0, RED), (1, GREEN)],
        width=4,
    ),
    number(
        "Lag, p99",
        "99 of 100 entries are handled within this after they were appended.",
        quantile(0.99, "roost_shards_lag_seconds"),
        unit="s",
        steps=[(0, GREEN), (1, YELLOW), (5, RED)],
        width=4,
    ),
    number(
        "Waiting",
        "Entries of shards that are not finished.",
        total("roost_shards_entries_waiting"),
        steps=[(0, GREEN), (1000, YELLOW), (10000, RED)],
        width=4,
    ),
    number(
        "Delivered",
        "Presence stanzas written to clients, per second.",
        rate("roost_presence_delivered_total"),
        unit="mps",
        width=4,
    ),
    number(
        "Pods that died",
        "Connection managers in the last hour whose lease ran out and whose sessions were ended.",
        _SWEEPS,
        steps=[(0, GREEN), (0.5, RED)],
        decimals=0,
        width=4,
    ),
    graph(
        "Shards by process",
        "Shards that each process owns. A dip is a takeover; the sum should stay the same.",
        (total("roost_shards_owned", by="service, instance"), "{{service}} {{instance}}"),
        stacked=True,
    ),
    graph(
        "Lag",
        "From an entry's being appended to its shard until it is handled.",
        (quantile(0.5, "roost_shards_lag_seconds", by="service"), "{{service}} p50"),
        (quantile(0.99, "roost_shards_lag_seconds", by="service"), "{{service}} p99"),
        unit="s",
        limit=5,
    ),
    heat("Lag, all", "How many entries were handled how late.", "roost_shards_lag_seconds"),
    graph(
        "Entries waiting",
        "Entries of its shards that each process has not finished.",
        (total("roost_shards_entries_waiting", by="instance"), "{{instance}}"),
    ),
    graph(
        "Entries handled together",
        "Entries handled together, in the mean. It grows with the load: then each costs less.",
        (mean("roost_shards_batch_entries", by="service"), "{{service}}"),
    ),
    graph(
        "Presence",
        "Presence stanzas per second: what clients send, and what that becomes for their contacts.",
        (rate("roost_stanzas_received_total", 'kind="presence"'), "from clients"),
        (rate("roost_presence_delivered_total"), "to contacts"),
        unit="mps",
    ),
    graph(
        "Registry",
        "Sessions of the whole cluster in the registry, and those that the processes have. They agree"
        " but for moments; a pod that died makes a gap until its sessions are ended.",
        ("sum(max by (namespace, job) (roost_registry_sessions{WHERE}))", "in the registry"),
        (total("roost_sessions_bound"), "in the processes"),
    ),
    graph(
        "Drift",
        "For each process: its sessions in the registry, less those it has. It should be 0.",
        ("max by (instance) (abs(roost_registry_drift{WHERE}))", "{{instance}}"),
        limit=10,
    ),
    graph(
        "Leases and sweeps",
        "Heartbeats that were not renewed, and sessions of dead pods that were ended, per second.",
        (
            rate("roost_leases_renewals_total", 'outcome!="renewed"', by="outcome"),
            "lease {{outcome}}",
        ),
        (rate("roost_sweeps_sessions_total"), "sessions ended"),
        unit="ops",
        colours={"lease failed": ORANGE, "lease lost": RED},
    ),
)


def presence() -> Dashboard:
    """Shards, their lag, fan-out, and the sweep of dead pods."""
    return board(
        "Presence",
        "The presence service: its shards, how far behind it is, what it delivers, the sweep of dead pods.",
        _PANELS,
    )
