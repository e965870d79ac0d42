"""A cluster that was watched by a real Prometheus while people were on it and one of its processes died."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy.grafana.draw.source import View

from play.cluster import Cluster

sys.path.insert(0, str(Path(__file__).parent))

import queries
import scene
from prometheus_server import PrometheusServer

_SPAN = 20  # seconds; no more than what the scene fills


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrometheusServer, float]]:
    """Prometheus, and when the scene that it saw ended."""
    folder = tmp_path_factory.mktemp("watched")
    cluster = Cluster(folder, "--tls", "optional", lease_seconds=1.5, heartbeat_seconds=0.3)
    try:
        facts = cluster.facts
        ports = [one["metrics_port"] for one in facts["connection_managers"] + facts["presence"]]
        server = PrometheusServer(folder, ports, queries.ALERTS)
        try:
            scene.act(cluster=cluster, prometheus=server)
            yield server, time.time()
        finally:
            server.stop()
    finally:
        cluster.stop()


@pytest.fixture
def prometheus(watched: tuple[PrometheusServer, float]) -> PrometheusServer:
    return watched[0]


@pytest.fixture
def scene_end(watched: tuple[PrometheusServer, float]) -> float:
    """In seconds of Unix time."""
    return watched[1]


@pytest.fixture
def view(prometheus: PrometheusServer, scene_end: float) -> View:
    """What a dashboard would show at the end of the scene."""
    return View(prometheus.client, scene_end - _SPAN, scene_end)
