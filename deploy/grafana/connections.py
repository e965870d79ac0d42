"""Clients' connections: streams, logins, and who is turned away."""

from __future__ import annotations

from deploy.grafana.board import board
from deploy.grafana.panels import GREEN, GREY, ORANGE, OUTCOMES, QUANTILES, RED, YELLOW, graph, number
from deploy.grafana.promql import quantile, rate, total
from grafana_foundation_sdk.models.dashboard import Dashboard

_FAILED = """
    sum(rate(roost_logins_total{outcome!="success", WHERE}[RATE]))
    / (sum(rate(roost_logins_total{WHERE}[RATE])) > 0)
"""
_FILES = """
    max by (instance) (process_open_fds{WHERE} / process_max_fds{WHERE}
    and on (namespace, job, instance) roost_streams_opened_total)
"""
_CERTIFICATE = "(min(roost_certificate_expiry_seconds{WHERE}) - time()) / 86400"

_PANELS = (
    number("Streams", "Connections of clients that are open.", total("roost_streams_open"), width=4),
    number(
        "Not logged in",
        "Streams that have not logged in yet. Many of them: a herd that comes back, or a flood.",
        total("roost_streams_open", 'state="negotiating"'),
        steps=[(0, GREEN), (500, YELLOW), (4000, RED)],
        width=4,
    ),
    number(
        "Logins",
        "Logins that succeeded, per second.",
        rate("roost_logins_total", 'outcome="success"'),
        unit="reqps",
        width=4,
    ),
    number(
        "Logins that fail",
        "The share of logins that fail.",
        _FAILED,
        unit="percentunit",
        steps=[(0, GREEN), (0.2, YELLOW), (0.5, RED)],
        width=4,
    ),
    number(
        "Login, p99",
        "99 of 100 logins take at most this, from the first SASL element to the outcome.",
        quantile(0.99, "roost_login_seconds"),
        unit="s",
        steps=[(0, GREEN), (0.5, YELLOW), (2, RED)],
        width=4,
    ),
    number(
        "Certificate",
        "How long the certificate that ends first is still valid.",
        _CERTIFICATE,
        unit="d",
        steps=[(0, RED), (2, YELLOW), (14, GREEN)],
        decimals=0,
        width=4,
    ),
    graph(
        "Streams by state",
        "Open streams: negotiating (not logged in), authenticated (no resource yet), bound.",
        (total("roost_streams_open", by="state"), "{{state}}"),
        stacked=True,
        colours={"bound": GREEN, "authenticated": YELLOW, "negotiating": ORANGE},
    ),
    graph(
        "New streams",
        "Connections that clients have made, per second, by transport.",
        (rate("roost_streams_opened_total", by="transport"), "{{transport}}"),
        unit="reqps",
    ),
    graph(
        "Sessions by process",
        "Bound resources of each connection manager, and 1 while it drains.",
        (total("roost_sessions_bound", by="instance"), "{{instance}}"),
        (
            "sum by (instance) (roost_drain_active{WHERE} > 0 and roost_sessions_bound)",
            "{{instance}} drains",
        ),
    ),
    graph(
        "Logins by outcome",
        "Logins per second. `not-authorized`: wrong password or no such account;"
        " `temporary-auth-failure`: too many of those; `unavailable`: a fault of ours.",
        (rate("roost_logins_total", by="outcome"), "{{outcome}}"),
        unit="reqps",
        colours=OUTCOMES,
    ),
    graph(
        "Login time",
        "From the first SASL element to the outcome; hashing and the database included.",
        (quantile(0.5, "roost_login_seconds"), "p50"),
        (quantile(0.95, "roost_login_seconds"), "p95"),
        (quantile(0.99, "roost_login_seconds"), "p99"),
        unit="s",
        colours=QUANTILES,
    ),
    graph(
        "Registrations",
        "New accounts asked for by clients, per second, by outcome.",
        (rate("roost_registrations_total", by="outcome"), "{{outcome}}"),
        unit="reqps",
        colours=OUTCOMES,
    ),
    graph(
        "Stream errors",
        "Streams ended with an error, per second, by its condition (RFC 6120 section 4.9.3).",
        (rate("roost_streams_errors_total"), "all"),
        (rate("roost_streams_errors_total", by="condition") + " > 0", "{{condition}}"),
        unit="reqps",
        colours={"all": GREY},
    ),
    graph(
        "Turned away",
        "Connections refused at a bound, and clients closed because they did not read, per second.",
        (rate("roost_streams_refused_total", by="reason"), "{{reason}}"),
        (rate("roost_streams_slow_total"), "slow client"),
        unit="reqps",
    ),
    graph(
        "File descriptors",
        "The share of its file descriptors that each connection manager uses; each stream takes one.",
        (_FILES, "{{instance}}"),
        unit="percentunit",
        limit=0.8,
        highest=1,
    ),
)


def connections() -> Dashboard:
    """Streams, logins, and who is turned away."""
    return board(
        "Connections",
        "Clients' streams: how many, how they log in, who is turned away and why.",
        _PANELS,
    )
