"""After each test here the pods are the same processes as before, and have met no fault of their own; Redis
has cut nobody off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from play.cluster import Cluster


@pytest.fixture(autouse=True)
def unharmed(request: pytest.FixtureRequest) -> Iterator[None]:
    clusters: list[Cluster] = [
        request.getfixturevalue(name) for name in ("live", "impatient") if name in request.fixturenames
    ]
    before = [_state(one) for one in clusters]
    yield
    assert [_state(one) for one in clusters] == before


def _state(cluster: Cluster) -> tuple[list[int], str, int]:
    return [pod.pid for pod in cluster.pods], cluster.complaints(), cluster.said_in_logs("Redis lost")
