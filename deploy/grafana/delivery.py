"""The way of a stanza: how long it takes, where it waits, what is dropped."""

from __future__ import annotations

from deploy.grafana.board import board
from deploy.grafana.panels import GREEN, GREY, ORANGE, OUTCOMES, QUANTILES, RED, YELLOW, graph, heat, number
from deploy.grafana.promql import quantile, rate, total
from grafana_foundation_sdk.models.dashboard import Dashboard

_PANELS = (
    number(
        "Messages",
        "Messages that clients have sent, per second.",
        rate("roost_stanzas_received_total", 'kind="message"'),
        unit="mps",
        width=4,
    ),
    number(
        "Delivery, p50",
        "Half of the stanzas take at most this from the sender's process to the receiver's socket.",
        quantile(0.5, "roost_delivery_seconds"),
        unit="s",
        steps=[(0, GREEN), (0.1, YELLOW), (0.5, RED)],
        width=4,
    ),
    number(
        "Delivery, p99",
        "99 of 100 stanzas take at most this.",
        quantile(0.99, "roost_delivery_seconds"),
        unit="s",
        steps=[(0, GREEN), (0.25, YELLOW), (1, RED)],
        width=4,
    ),
    number(
        "Failed",
        "Stanzas per second that Redis could not say it took; their senders were told.",
        rate("roost_stanzas_routed_total", 'outcome="failed"'),
        unit="mps",
        steps=[(0, GREEN), (0.01, RED)],
        width=4,
    ),
    number(
        "Waiting",
        "Stanzas in the queues of sessions that have not been trimmed. Each waits up to a second.",
        total("roost_queues_entries"),
        width=4,
    ),
    number(
        "Clients that do not read",
        "Sessions that are given nothing at present, because their client does not read.",
        total("roost_queues_paused"),
        steps=[(0, GREEN), (20, YELLOW), (200, RED)],
        width=4,
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
    heat(
        "Delivery, all",
        "How many stanzas took how long: two bands mean two kinds of them.",
        "roost_delivery_seconds",
    ),
    graph(
        "Bus",
        "Redis's part of it: from a command's being queued until the receiver's process hears of it.",
        (quantile(0.5, "roost_bus_lag_seconds"), "p50"),
        (quantile(0.99, "roost_bus_lag_seconds"), "p99"),
        unit="s",
        colours=QUANTILES,
    ),
    graph(
        "Messages by outcome",
        "Clients' messages per second: delivered into a queue, absent (nobody there), failed.",
        (rate("roost_stanzas_routed_total", 'kind="message"', by="outcome"), "{{outcome}}"),
        unit="mps",
        colours=OUTCOMES,
    ),
    graph(
        "Stanzas by kind",
        "Stanzas from and to clients, per second.",
        (rate("roost_stanzas_received_total", by="kind"), "{{kind}} from clients"),
        (rate("roost_stanzas_sent_total", by="kind"), "{{kind}} to clients"),
        unit="mps",
    ),
    graph(
        "Offline messages",
        "Messages for accounts with nobody there, per second, by what became of them.",
        (rate("roost_offline_messages_total", by="outcome"), "{{outcome}}"),
        unit="mps",
        colours=OUTCOMES,
    ),
    graph(
        "Queues by process",
        "Stanzas in the queues of each process's sessions that have not been trimmed.",
        (total("roost_queues_entries", by="instance"), "{{instance}}"),
        stacked=True,
    ),
    graph(
        "Lost publications, full queues",
        "Publications that Redis lost and that were read from the queue instead (nothing is lost to"
        " the client), and sessions closed because their queue was full, per second.",
        (rate("roost_queues_gaps_total"), "lost publications"),
        (rate("roost_queues_full_total"), "full queues"),
        unit="ops",
        colours={"lost publications": ORANGE, "full queues": RED},
    ),
    graph(
        "Dropped",
        "What was dropped in silence or refused at a bound, per second, by reason; docs/metrics.md"
        " says what each means.",
        (rate("roost_drops_total"), "all"),
        (rate("roost_drops_total", by="reason") + " > 0", "{{reason}}"),
        unit="mps",
        colours={"all": GREY},
    ),
)


def delivery() -> Dashboard:
    """How long a stanza takes, where it waits, what is dropped."""
    return board(
        "Delivery",
        "The way of a stanza from socket to socket: how long it takes, where it waits, what is dropped.",
        _PANELS,
    )
