"""`roost up` in a process of its own, with stand-ins for the roles."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from free_ports import free_port, free_row

SCRIPT = Path(__file__).parent / "up" / "stand_in_up.py"
SERVICES = Path(__file__).parents[2] / "services"
DEADLINE = 40  # seconds


class Up:
    """One `roost up` in a process of its own."""

    def __init__(self, data: Path, describe: Path, *words: str, before=(), **environment: str) -> None:
        self.data = data
        self.describe = describe
        self.text = ""
        given = {
            "starttls_port": free_port(),
            "direct_tls_port": free_port(),
            "metrics_port": free_row(3)[0],  # and those after it, one for each process
        }
        options = (*(f"{name}={port}" for name, port in given.items()), *words)
        self.process = subprocess.Popen(
            [*before, sys.executable, str(SCRIPT), str(data), str(describe), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
        )

    def until(self, pattern: str) -> str:
        """Read what it says until `pattern` shows up."""
        deadline = time.monotonic() + DEADLINE
        while not re.search(pattern, self.text):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.text}"
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                read = os.read(self.process.stdout.fileno(), 65536)
                assert read, f"it ended without {pattern!r}: {self.text}"
                self.text += read.decode()
        return self.text

    def ready(self) -> dict:
        """Wait for the start's end; what `--describe` says."""
        self.until(r"  stop +Ctrl-C")
        return self.facts()

    def facts(self) -> dict:
        return json.loads(self.describe.read_text())

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        self.text += self.process.communicate(timeout=DEADLINE)[0].decode()
        return self.process.returncode


@pytest.fixture(scope="session")
def settings_file(tmp_path_factory):
    """The settings of a running cluster for montague.example."""
    folder = tmp_path_factory.mktemp("settings")
    running = Up(folder / "data", folder / "describe.json", "domain=montague.example")
    yield running.ready()["settings_file"]
    running.end()


@pytest.fixture(scope="session")
def command():
    """Runs `roost` with words, standard input and nothing else in the environment."""

    def run(*words: str, said: str = "", **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "roost", *words],
            input=said,
            capture_output=True,
            text=True,
            check=False,
            env={"PYTHONPATH": str(SERVICES), **environment},
            timeout=30,
        )

    return run


@pytest.fixture
def roost(command, settings_file):
    """Runs `roost` against that cluster."""

    def run(*words: str, said: str = "") -> subprocess.CompletedProcess:
        return command(*words, "--config", settings_file, said=said)

    return run


@pytest.fixture
def up(tmp_path):
    started = []

    def start(*words, data=tmp_path / "data", **more) -> Up:
        started.append(Up(data, tmp_path / f"describe-{len(started)}.json", *words, **more))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.wait()
