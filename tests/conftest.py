"""What all tests may ask for: real engines, and a loop with a deadline."""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvloop

sys.path.insert(0, str(Path(__file__).parent))

from collector import Collector
from engines import PostgreSQL, Valkey, ValkeyCluster
from play.cluster import balanced, impatient, live, mortal, orderly, slow  # noqa: F401 - fixtures
from roost.store.migrate import migrate

_DEADLINE = 30  # seconds
_databases = itertools.count()


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A role that ran in the test's own process has set up logs; the next test shall not have them."""
    before, level = logging.root.handlers[:], logging.root.level
    yield
    for handler in logging.root.handlers[:]:
        if handler not in before:
            logging.root.removeHandler(handler)
    logging.root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    server = Valkey()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def valkey_cluster() -> Iterator[ValkeyCluster]:
    cluster = ValkeyCluster()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    server = PostgreSQL()
    server.execute("CREATE DATABASE template")
    asyncio.run(migrate(server.url("template")))
    yield server
    server.stop()


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A server of the test's own, to kill."""
    server = Valkey()
    yield server
    server.stop()


@pytest.fixture
def own_postgresql() -> Iterator[PostgreSQL]:
    """A server of the test's own, to kill."""
    server = PostgreSQL()
    yield server
    server.stop()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of traces."""
    made = Collector()
    yield made
    made.stop()


@pytest.fixture(params=["one server", "three masters"])
def redis_url(request: pytest.FixtureRequest) -> str:
    """An empty Redis: the test runs against a single server and against a cluster."""
    if request.param == "one server":
        server: Valkey = request.getfixturevalue("valkey")
        server.admin().flushall()
        return server.url
    cluster: ValkeyCluster = request.getfixturevalue("valkey_cluster")
    cluster.flush()
    return cluster.url


@pytest.fixture
def empty_database_url(postgresql: PostgreSQL) -> str:
    """A database without a schema."""
    name = f"empty{next(_databases)}"
    postgresql.execute(f"CREATE DATABASE {name}")
    return postgresql.url(name)


@pytest.fixture
def database_url(postgresql: PostgreSQL) -> str:
    """A database with our schema and nothing in it."""
    name = f"test{next(_databases)}"
    postgresql.execute(f"CREATE DATABASE {name} TEMPLATE template")
    return postgresql.url(name)


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine to its end, on the loop that the server uses and with a deadline."""

    def runner(work: Coroutine[Any, Any, Any]) -> Any:
        return uvloop.run(asyncio.wait_for(work, _DEADLINE))

    return runner
