"""One run of Locust against one server on this machine, watched from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from loadtest.bench.costs import Cost, measure
from loadtest.bench.servers import Server, free_ports, settled
from loadtest.delivery.ledger import MESSAGE, PRESENCE
from loadtest.report import folder as folders
from loadtest.report.timeline import Moment, read

_FILE = Path(__file__).with_name("locustfile.py")
_LOOK_SECONDS = 1.0
_LINE_SECONDS = 10  # between two progress lines where one cannot be written over
_PREPARE_SECONDS = 180
_IDLE = ("--think", "100000", "--herd-every", "100000")  # seconds: users come, and do nothing
_STOP_SECONDS = 60  # beyond the run: what is under way shall arrive


class Say(Protocol):
    """Tells a person how it goes."""

    def __call__(self, line: str, end: str = "\n") -> None:
        """One line."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the run has used."""

    cpu_seconds: float
    """Of the server's processes."""
    seconds: float
    """How long that was."""
    memory: int
    """KiB of the server's processes at the end."""
    messages: int
    """Delivered meanwhile."""
    generator_cpu_seconds: float
    generator_memory: int
    """KiB of Locust's processes at the end."""


class Run:
    """Starts Locust, watches it, and measures."""

    def __init__(
        self, server: Server, folder: Path, users: int, seconds: int, scenario: str, workers: int
    ) -> None:
        """`folder` takes all that is found; `workers` over 1 are processes of their own with a master."""
        self._server = server
        self._folder = folder
        self._users = users
        self._seconds = seconds
        self._scenario = scenario
        self._workers = workers
        self._began = self._ended = 0.0
        self._costs: list[tuple[Cost, Cost]] = []

    def title(self) -> str:
        """What was run."""
        pods = len(self._server.plain.ports)
        return f"{self._scenario}: {self._users} users, {pods} connection managers"

    def prepare(self, further: Sequence[str]) -> None:
        """Have all users come once and leave: accounts are made, contacts subscribe, unmeasured."""
        with tempfile.TemporaryDirectory(prefix="roost-loadtest-") as scratch:
            folder = Path(scratch)
            with self._locust(folder, [*self._words(folder), *further, *_IDLE]) as process:
                deadline = time.monotonic() + _PREPARE_SECONDS
                while process.poll() is None and _users(folder) < self._users and time.monotonic() < deadline:
                    time.sleep(_LOOK_SECONDS)
                settled(self._server, deadline - time.monotonic())

    def run(self, further: Sequence[str], say: Say) -> int:
        """Until Locust has ended; its exit code. `further` are options for it."""
        words = [*self._words(self._folder), "--run-time", f"{self._seconds}s", *further]
        with self._locust(self._folder, words) as process:
            self._watch(process, say)
            return process.wait(_STOP_SECONDS)

    @contextmanager
    def _locust(self, folder: Path, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Locust, ended in the end."""
        with (folder / folders.LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "locust", *words],
                env={**os.environ, **self._environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            _end(process)

    def _words(self, folder: Path) -> list[str]:
        words = ["-f", str(_FILE), "--headless", "--only-summary", "--users", str(self._users)]
        words += ["--scenario", self._scenario, "--results", str(folder)]
        if self._workers > 1:
            [port] = free_ports(1)
            words += ["--processes", str(self._workers), "--master-bind-host", "127.0.0.1"]
            words += ["--master-bind-port", str(port), "--master-port", str(port)]
        return words

    def _environment(self) -> dict[str, str]:
        source = Path(__file__).parents[1]
        paths = [str(source), str(source / "services"), os.environ.get("PYTHONPATH", "")]
        return {
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "LOCUST_HOST": _hosts(self._server),
            "LOADTEST_DOMAIN": self._server.plain.domain,
            "LOADTEST_CA_FILE": self._server.ca_file,
        }

    # --- meanwhile ---

    def _watch(self, process: subprocess.Popen[bytes], say: Say) -> None:
        over = sys.stderr.isatty()
        said = 0.0
        self._began = time.monotonic()
        end = self._began + self._seconds + _STOP_SECONDS
        while process.poll() is None and time.monotonic() < end:
            self._measure(process)
            line = progress(_moments(self._folder), time.monotonic() - self._began, self._seconds)
            if over:
                say(f"\r{line:<100}", end="")
            elif time.monotonic() - said > _LINE_SECONDS:
                say(line)
                said = time.monotonic()
            time.sleep(_LOOK_SECONDS)
        if over:
            say("")

    def _measure(self, process: subprocess.Popen[bytes]) -> None:
        now = measure(self._server.pids), measure([process.pid])
        if now[1].memory:  # else it ends just now
            self._costs.append(now)
            self._ended = time.monotonic()

    # --- afterwards ---

    def costs(self) -> Costs:
        """From the start of Locust to the end of the run."""
        (server, generator), (server_end, generator_end) = self._costs[0], self._costs[-1]
        row = folders.read_outcome(self._folder).row(MESSAGE)
        return Costs(
            server_end.cpu - server.cpu,
            self._ended - self._began,
            server_end.memory,
            0 if row is None else row.requests - row.failures,
            generator_end.cpu - generator.cpu,
            generator_end.memory,
        )

    def complaints(self) -> list[str]:
        """What Locust had to say about thresholds and errors."""
        lines = (self._folder / folders.LOG).read_text().splitlines()
        return [line for line in lines if line.startswith("FAILED: ")]


def _moments(folder: Path) -> list[Moment]:
    path = folder / folders.TIMELINE
    return read(path) if path.exists() else []


def _users(folder: Path) -> int:
    moments = _moments(folder)
    return moments[-1].users if moments else 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def progress(moments: Sequence[Moment], seconds: float, of: int) -> str:
    """One line of how it goes."""
    last = moments[-1].second if moments else None
    now = {moment.name: moment for moment in moments if moment.second == last}
    users = next(iter(now.values())).users if now else 0
    parts = [f"{min(seconds, of):3.0f} of {of} s", f"{users} users"]
    for name, word in ((MESSAGE, "messages/s"), (PRESENCE, "presences/s")):
        if name in now:
            p99 = now[name].p99
            parts.append(f"{now[name].rate:.0f} {word}" + (f", p99 {p99:g} ms" if p99 is not None else ""))
    failures = sum(moment.failures for moment in now.values())
    return " | ".join([*parts, f"{failures:g} failures/s"])


def _hosts(server: Server) -> str:
    """Each connection manager once: by STARTTLS and by direct TLS in turn."""
    ports = enumerate(zip(server.plain.ports, server.tls.ports, strict=True))
    return ",".join(
        f"xmpps://127.0.0.1:{direct}" if index % 2 else f"xmpp://127.0.0.1:{plain}"
        for index, (plain, direct) in ports
    )
