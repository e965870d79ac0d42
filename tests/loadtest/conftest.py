"""A cluster for the load test's clients, and Locust as people start it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loadtest.report.timeline import read
from loadtest.settings import Settings, add_options
from loadtest.xmpp.login import Account, register
from loadtest.xmpp.place import Place, place

from play.cluster import DOMAIN, Cluster

ROOT = Path(__file__).parents[2]
_SECONDS = 60
_names = itertools.count()


def hosts(cluster: Cluster) -> str:
    """The first pod by STARTTLS, the second by direct TLS."""
    one, other = cluster.pods
    return f"xmpp://127.0.0.1:{one.starttls_port},xmpps://127.0.0.1:{other.direct_tls_port}"


@pytest.fixture
def somewhere(live: Cluster) -> Place:
    """Two pods: address 0 by STARTTLS, address 1 by direct TLS."""
    return place(hosts(live), DOMAIN, live.pods[0].ca_file)


@pytest.fixture
def somebody(somewhere: Place) -> Callable[[], Account]:
    """Makes new accounts."""

    def make() -> Account:
        account = Account(f"loaded{next(_names)}", "wherefore")
        register(somewhere, somewhere.address(0), account)
        return account

    return make


class _Parser(ArgumentParser):
    """What of Locust's parser the options need."""

    def add_argument_group(self, *words, **more):
        group = super().add_argument_group(*words, **more)
        add = group.add_argument
        group.add_argument = lambda option, env_var, **rest: add(option, **rest)
        return group


@pytest.fixture
def settings():
    """All settings as they are if nobody changes them."""
    parser = _Parser()
    add_options(parser, ["chat"])
    return lambda *words: Settings.of(parser.parse_args(words))


@dataclass(frozen=True)
class Ran:
    """A run of Locust that has ended."""

    code: int
    said: str
    folder: Path

    @property
    def outcome(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "outcome.json").read_text())
        return found

    def times(self, name: str) -> int:
        """How many requests of that name there were."""
        return sum(row["requests"] for row in self.outcome["rows"] if row["name"] == name)


class Locust:
    """Runs Locust with accounts of its own; words are further options."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._said = folder / "said"
        self._results = folder / "results"
        self._environment = {
            "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "services"))),
            "LOCUST_HOST": hosts(cluster),
            "LOADTEST_DOMAIN": DOMAIN,
            "LOADTEST_CA_FILE": cluster.pods[0].ca_file,
            "LOADTEST_ACCOUNT": f"crowd{next(_names)}x{{}}",
            "LOADTEST_RESULTS": str(self._results),
            "LOADTEST_THINK": "0.3",
        }

    def __call__(self, *words: str, until: dict[str, int] | None = None) -> Ran:
        """To its end, or `until` there were so many requests of some names."""
        with self.started(*words) as process:
            if until is not None:
                self.wait(process, until)
                process.terminate()
            process.wait(_SECONDS)
        return Ran(process.returncode, self._said.read_text(), self._results)

    @contextmanager
    def started(self, *words: str, headless: bool = True) -> Iterator[subprocess.Popen[bytes]]:
        """Locust, gone in the end."""
        with self._said.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", *words]
                + ["--headless"] * headless,
                cwd=ROOT,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait(self, process: subprocess.Popen[bytes], until: dict[str, int]) -> None:
        """Until there were so many requests of each name, or it has ended."""
        timeline = self._results / "timeline.csv"
        deadline = time.monotonic() + _SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            found = {moment.name: moment.requests for moment in read(timeline)} if timeline.exists() else {}
            if all(found.get(name, 0) >= count for name, count in until.items()):
                return
            time.sleep(0.1)  # a file's growth cannot be waited for portably


@pytest.fixture
def locust(live: Cluster, tmp_path: Path) -> Locust:
    return Locust(live, tmp_path)
