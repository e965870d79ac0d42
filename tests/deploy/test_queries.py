"""No query of a dashboard, an alert or a runbook is dead.

All are asked of a Prometheus that has seen a cluster with people in it, one of whose processes died.
"""

from __future__ import annotations

import re

import pytest
import queries
from deploy.grafana.draw.source import View
from prometheus_server import PrometheusServer

from roost.runtime.metrics import FAMILIES

_SELECTOR = re.compile(r"\b((?:roost|process|python)_\w+|up)(\{[^}]*\})?")
PANELS = [pytest.param(query, id=place) for place, query in queries.of_panels()]
OTHERS = [
    pytest.param(query, id=place)
    for place, query in [*queries.of_annotations(), *queries.of_alerts(), *queries.of_runbooks()]
]
# What tells of a fault has nothing to tell here.
WITHOUT_A_FAULT = {"connections: Sessions by process, B", "engine: Faults, B"}
NEVER_COUNTED = {"roost_tasks_failures_total"}


@pytest.mark.parametrize("query", PANELS)
def test_a_panel_shows_something(query: str, view: View, request: pytest.FixtureRequest):
    assert view.over_time(query) or request.node.callspec.id in WITHOUT_A_FAULT


@pytest.mark.parametrize("query", OTHERS)
def test_prometheus_understands(query: str, view: View):
    view.now(query)


@pytest.mark.parametrize("query", [*PANELS, *OTHERS])
def test_what_a_query_selects_is_there(query: str, view: View):
    """Also what would tell of a fault: its series are there, at zero."""
    for name, matchers in _SELECTOR.findall(query):
        if name not in NEVER_COUNTED:
            assert view.now(f"last_over_time({name}{matchers}[5m])"), name + matchers


def test_what_is_never_counted_here_would_be():
    assert {family.full_name for family in FAMILIES} >= NEVER_COUNTED


def test_prometheus_evaluates_every_alert_and_fires_only_that_of_the_death(prometheus: PrometheusServer):
    rules = [rule for group in prometheus.client.ask("rules")["groups"] for rule in group["rules"]]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert {rule["name"] for rule in rules if rule["state"] == "firing"} == {"RoostPodsDying"}
