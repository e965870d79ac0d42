"""A cluster as anybody starts one: `roost up`, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

from free_ports import free_port, free_row

_SERVICES = Path(__file__).parents[2] / "services"
_DEADLINE = 60  # seconds
_READY = "  stop  "
_LOGINS = re.compile(r'^roost_logins_total{outcome="success"} (.+)$', re.MULTILINE)


class Pod(NamedTuple):
    """One connection manager; the ports are its own, so that who connects there is on this pod."""

    name: str
    pid: int
    starttls_port: int
    direct_tls_port: int
    metrics_port: int

    def logins(self) -> int:
        """How many clients have logged in here so far, as this pod counts them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5) as answer:
            found = _LOGINS.search(answer.read().decode())
        return int(float(found[1])) if found else 0


class Cluster:
    """Two connection managers and what they need; TLS is required and registration open."""

    domain = "localhost"

    def __init__(self, folder: Path) -> None:
        facts = folder / "cluster.json"
        self._said = ""
        self._process = _start(folder / "data", facts)
        self._until_ready()
        told: dict[str, Any] = json.loads(facts.read_text())
        self.authority = Path(told["ca_file"])
        self.settings_file = Path(told["settings_file"])
        self.pods = [Pod(*(each[name] for name in Pod._fields)) for each in told["connection_managers"]]

    def stop(self) -> None:
        """End it as `kill` does; everything must go down in order."""
        self._process.send_signal(signal.SIGTERM)
        rest, _ = self._process.communicate(timeout=_DEADLINE)
        assert self._process.returncode == 0, self._said + rest.decode()

    def add_account(self, name: str, password: str) -> None:
        """Make an account with `roost user add`."""
        words = (
            "user",
            "add",
            "--password-stdin",
            "--config",
            str(self.settings_file),
            f"{name}@{self.domain}",
        )
        subprocess.run(_roost(*words), input=password, text=True, env=_environment(), check=True, timeout=30)

    def _until_ready(self) -> None:
        assert self._process.stdout is not None
        deadline = time.monotonic() + _DEADLINE
        while _READY not in self._said:
            assert time.monotonic() < deadline, f"not ready: {self._said}"
            if select.select([self._process.stdout], [], [], 0.5)[0]:
                read = os.read(self._process.stdout.fileno(), 65536)
                assert read, f"it ended: {self._said}"
                self._said += read.decode()


def _start(data: Path, facts: Path) -> subprocess.Popen[bytes]:
    options = {
        "data": data,
        "describe": facts,
        "domain": Cluster.domain,
        "registration": "open",
        "tls": "required",
        "listen-host": "127.0.0.1",
        "starttls-port": free_port(),
        "direct-tls-port": free_port(),
        "metrics-port": free_row(4)[0],  # and those after it, one for each process
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return subprocess.Popen(
        _roost("up", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=_environment()
    )


def _roost(*words: str) -> list[str]:
    return [sys.executable, "-m", "roost", *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(_SERVICES)}
