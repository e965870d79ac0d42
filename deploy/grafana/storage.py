"""Redis and PostgreSQL as Roost's processes see them."""

from __future__ import annotations

from deploy.grafana.board import board
from deploy.grafana.panels import GREEN, ORANGE, RED, YELLOW, graph, heat, number, state
from deploy.grafana.promql import mean, quantile, rate, total
from grafana_foundation_sdk.models.dashboard import Dashboard

_BUSY = """
    max(sum by (namespace, job, instance) (roost_store_connections{state="used", WHERE})
    / sum by (namespace, job, instance) (roost_store_connections{WHERE}))
"""

_PANELS = (
    state(
        "Redis",
        "Whether all processes are connected to Redis.",
        "min(roost_redis_up{WHERE})",
        zero="away",
        one="up",
        width=4,
    ),
    number(
        "Round trip",
        "How long the last probe of the slowest process took through Redis and back.",
        "max(roost_redis_round_trip_seconds{WHERE})",
        unit="s",
        steps=[(0, GREEN), (0.1, YELLOW), (0.5, RED)],
        width=4,
    ),
    state(
        "PostgreSQL",
        "Whether the last statement of every process reached PostgreSQL.",
        "min(roost_store_up{WHERE})",
        zero="away",
        one="up",
        width=4,
    ),
    number(
        "Statements, p99",
        "99 of 100 statements take at most this, the wait for a connection included.",
        quantile(0.99, "roost_store_statement_seconds"),
        unit="s",
        steps=[(0, GREEN), (0.25, YELLOW), (1, RED)],
        width=4,
    ),
    number(
        "Connections used",
        "The share of its connections to PostgreSQL that the busiest process uses.",
        _BUSY,
        unit="percentunit",
        steps=[(0, GREEN), (0.8, YELLOW), (1, RED)],
        width=4,
    ),
    number(
        "Statements failed",
        "Statements per second that did not reach PostgreSQL or took too long.",
        rate("roost_store_errors_total"),
        unit="ops",
        steps=[(0, GREEN), (0.01, RED)],
        width=4,
    ),
    graph(
        "Redis: round trip",
        "How long each process's probe took through Redis and back, as a publication.",
        ("max by (instance) (roost_redis_round_trip_seconds{WHERE})", "{{instance}}"),
        unit="s",
        limit=0.5,
    ),
    graph(
        "Redis: commands in one write",
        "How many commands go to Redis in one write, in the mean. It grows with the load: then each"
        " costs less.",
        (mean("roost_redis_batch_commands", by="instance"), "{{instance}}"),
    ),
    graph(
        "Redis: connections",
        "Processes that are connected, and connections made again after a loss, per second.",
        (total("roost_redis_up"), "processes connected"),
        (rate("roost_redis_reconnects_total"), "reconnections"),
        colours={"processes connected": GREEN, "reconnections": RED},
    ),
    graph(
        "PostgreSQL: statements",
        "Statements per second, by what they are for.",
        (rate("roost_store_statement_seconds_count", by="statement"), "{{statement}}"),
        unit="ops",
        stacked=True,
    ),
    graph(
        "PostgreSQL: time of statements",
        "The p99 of each kind of statement, the wait for a connection included.",
        (quantile(0.99, "roost_store_statement_seconds", by="statement"), "{{statement}}"),
        unit="s",
        limit=1,
    ),
    heat(
        "PostgreSQL: all statements",
        "How many statements took how long.",
        "roost_store_statement_seconds",
    ),
    graph(
        "PostgreSQL: rows in one statement",
        "How many questions or rows go in one statement, in the mean, by what it is for.",
        (mean("roost_store_batch_rows", by="statement"), "{{statement}}"),
    ),
    graph(
        "PostgreSQL: connections",
        "Connections of all processes, used and idle.",
        (total("roost_store_connections", by="state"), "{{state}}"),
        stacked=True,
        colours={"used": ORANGE, "idle": GREEN},
    ),
    graph(
        "PostgreSQL: failures",
        "Statements that did not reach it or took too long, and messages for the absent that could"
        " not be stored, per second.",
        (rate("roost_store_errors_total"), "statements"),
        (rate("roost_offline_messages_total", 'outcome="failed"'), "messages not stored"),
        unit="ops",
        colours={"statements": ORANGE, "messages not stored": RED},
    ),
)


def storage() -> Dashboard:
    """Redis and PostgreSQL as the processes see them."""
    return board(
        "Storage",
        "Redis and PostgreSQL as Roost's processes see them: there or not, how quick, how well batched.",
        _PANELS,
    )
