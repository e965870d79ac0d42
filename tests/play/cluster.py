"""A whole cluster in processes of its own, started by the same command that people use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from free_ports import free_port, free_row
from play.client import Client

DOMAIN = "example.test"
SERVICES = Path(__file__).parents[2] / "services"
_START_SECONDS = 60
_STOP_SECONDS = 40
_TRIES = 3
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Pod:
    """One connection manager: its own ports and its process."""

    starttls_port: int
    direct_tls_port: int
    pid: int
    log: Path
    ca_file: str

    async def connect(self, *, tls: bool = False, introduction: bytes = b"") -> Client:
        """A connection to this very pod; with direct TLS when asked. No XML is sent yet."""
        port = self.direct_tls_port if tls else self.starttls_port
        return await Client.connect(port, DOMAIN, self.ca_file, tls=tls, introduction=introduction)

    def kill(self) -> None:
        """What a power failure does."""
        os.kill(self.pid, signal.SIGKILL)

    def memory(self) -> int:
        """Bytes of memory it holds now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE


class Cluster:
    """One `roost up`; `pods` are its connection managers."""

    def __init__(self, folder: Path, *options: str, **settings: Any) -> None:
        """`options` are words of the command line, `settings` become ROOST_ variables; names in capitals are
        variables as they are."""
        self.describe = folder / "describe.json"
        self.said = folder / "said"
        for _ in range(_TRIES):
            self._start(folder, options, settings)
            if self._is_ready():
                return
        raise AssertionError(self.said.read_text())

    def _start(self, folder: Path, options: Sequence[str], settings: Mapping[str, Any]) -> None:
        words = {
            "--describe": self.describe,
            "--data": folder / "data",
            "--domain": DOMAIN,
            "--registration": "open",
            "--starttls-port": free_port(),
            "--direct-tls-port": free_port(),
            "--metrics-port": free_row(4)[0],  # and those after it, one for each process
        }
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "roost",
                    "up",
                    *(str(one) for pair in words.items() for one in pair),
                    *options,
                ],
                stdout=said,
                stderr=said,
                env={**os.environ, "PYTHONPATH": str(SERVICES)}
                | {_variable(name): str(value) for name, value in settings.items()},
            )

    def _is_ready(self) -> bool:
        """Wait until it is; False when another cluster took one of its ports first."""
        deadline = time.monotonic() + _START_SECONDS
        while not self.describe.exists():
            if self.process.poll() is not None and "in use" in self.said.read_text():
                return False
            assert self.process.poll() is None, self.said.read_text()
            assert time.monotonic() < deadline, self.said.read_text()
            time.sleep(0.05)  # a file's coming cannot be waited for portably
        return True

    @property
    def facts(self) -> dict[str, Any]:
        """What runs now, as `--describe` says."""
        found: dict[str, Any] = json.loads(self.describe.read_text())
        return found

    @property
    def pods(self) -> list[Pod]:
        """The connection managers."""
        facts = self.facts
        return [
            Pod(one["starttls_port"], one["direct_tls_port"], one["pid"], Path(one["log"]), facts["ca_file"])
            for one in facts["connection_managers"]
        ]

    def said_in_logs(self, words: str) -> int:
        """How often the processes logged that."""
        return self._logs().count(words)

    def _logs(self) -> str:
        return "".join(log.read_text() for log in (self.describe.parent / "data").rglob("*.log"))

    def complaints(self) -> str:
        """What the processes logged that only a mistake of ours makes them log."""
        logs = self._logs()
        return "\n".join(line for line in logs.splitlines() if "Traceback" in line or "[error" in line)

    def stop(self) -> None:
        """End it in order."""
        self.process.terminate()
        self.process.wait(_STOP_SECONDS)


def _variable(name: str) -> str:
    return name if name.isupper() else f"ROOST_{name.upper()}"


def _run(factory: pytest.TempPathFactory, *options: str, **settings: Any) -> Iterator[Cluster]:
    running = Cluster(factory.mktemp("cluster"), *options, **settings)
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two pods where plain streams may log in."""
    yield from _run(tmp_path_factory, "--tls", "optional")


@pytest.fixture(scope="session")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One pod that requires TLS and gives a client a second to log in, a thousand of them at a time."""
    options = ("--tls", "required", "--connection-managers", "1")
    limits = {"unauthenticated_seconds": 1, "max_unauthenticated_streams": 1010}
    yield from _run(tmp_path_factory, *options, **limits)


@pytest.fixture
def orderly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two pods to stop, that take a while to close their streams."""
    yield from _run(tmp_path_factory, "--tls", "optional", drain_seconds=12, drain_streams_per_second=20)


@pytest.fixture
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One pod that closes a stream a second when it is stopped."""
    options = ("--tls", "optional", "--connection-managers", "1")
    yield from _run(tmp_path_factory, *options, drain_seconds=600, drain_streams_per_second=1)


@pytest.fixture
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One pod behind a balancer that introduces clients; few failed logins are allowed an address."""
    options = ("--tls", "required", "--connection-managers", "1")
    settings = {"proxy_protocol": "required", "login_failures_per_address_per_minute": 2}
    yield from _run(tmp_path_factory, *options, **settings)


@pytest.fixture
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two pods to kill: a dead one is noticed within two seconds."""
    yield from _run(tmp_path_factory, "--tls", "optional", lease_seconds=1.5, heartbeat_seconds=0.3)
