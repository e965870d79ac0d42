"""Servers to measure, each started for this run alone: its own configuration, ports and folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

from loadtest.bench.client import Target
from loadtest.bench.costs import family, measure

_START_SECONDS = 60
_STOP_SECONDS = 30
_LOOK_SECONDS = 0.05
_PORTS = range(16_000, 20_000)  # below those that the kernel gives to outgoing connections
_DOMAIN = "localhost"
ROOST = "Roost"


@dataclass
class Server:
    """One running server."""

    name: str
    version: str
    plain: Target
    tls: Target
    """Direct TLS."""
    folder: Path
    process: subprocess.Popen[bytes]
    ca_file: str = ""
    """The CA that signed its certificate, where there is one."""

    @property
    def pids(self) -> list[int]:
        """Its first process; all others descend from it."""
        return [self.process.pid]

    def stop(self) -> None:
        """End it and all its processes, and remove what it has written."""
        _end(self.process, self.folder)


@dataclass(frozen=True)
class Kind:
    """A server that can be started, any number of times."""

    name: str
    start: Callable[[], Server]


def roost(pods: int = 2) -> Kind:
    """Roost with some connection managers; clients sit on them in turn."""
    return Kind(ROOST, lambda: _start_roost(pods))


def peers() -> list[Kind]:
    """The other servers that are installed here."""
    known = (("ejabberd", "ejabberdctl", _start_ejabberd), ("Prosody", "prosody", _start_prosody))
    return [Kind(name, start) for name, program, start in known if shutil.which(program)]


def _start_roost(pods: int) -> Server:
    import roost  # noqa: PLC0415 - only where it is what runs

    folder = Path(tempfile.mkdtemp(prefix="roost-bench-"))
    shared, direct, metrics = free_ports(3 + pods)[:3]
    describe = folder / "cluster.json"
    options = {
        "--data": folder / "data",
        "--describe": describe,
        "--domain": _DOMAIN,
        "--connection-managers": pods,
        "--starttls-port": shared,
        "--direct-tls-port": direct,
        "--metrics-port": metrics,
        "--tls": "optional",
        "--registration": "open",
        "--log-level": "warning",
    }
    words = [str(word) for pair in options.items() for word in pair]
    environment = {
        "PYTHONPATH": str(Path(roost.__file__).parents[1]),
        "ROOST_REGISTRATIONS_PER_MINUTE": "1000000",
    }
    process = popen(folder, [sys.executable, "-m", "roost", "up", *words], environment)
    until_ready(process, folder, describe.exists)
    facts = json.loads(describe.read_text())
    pods_facts = facts["connection_managers"]
    return Server(
        ROOST,
        roost.__version__,
        Target(_DOMAIN, [pod["starttls_port"] for pod in pods_facts]),
        Target(_DOMAIN, [pod["direct_tls_port"] for pod in pods_facts], tls=True),
        folder,
        process,
        facts["ca_file"],
    )


def _start_ejabberd() -> Server:
    folder, port, tls_port = _prepared("ejabberd.yml")
    for sub in ("logs", "spool"):
        (folder / sub).mkdir()
    shutil.chown(folder, "ejabberd")
    for path in folder.iterdir():
        shutil.chown(path, "ejabberd")
    [distribution] = free_ports(1)
    words = ["--node", f"roost-bench-{port}@localhost", "--config", str(folder / "ejabberd.yml")]
    words += ["--logs", str(folder / "logs"), "--spool", str(folder / "spool")]
    # a port for distribution of its own keeps it away from other Erlang nodes and their port mapper
    environment = {"ERL_DIST_PORT": str(distribution), "HOME": str(folder)}
    # nothing of the machine's own ejabberd: this file does not exist
    words += ["--ctl-config", str(folder / "ejabberdctl.cfg")]
    # as its user from the first: on its way to it by `su` it would lose the right to more than 1024 files
    user = ["setpriv", "--reuid=ejabberd", "--regid=ejabberd", "--init-groups"]
    process = popen(folder, [*user, "ejabberdctl", *words, "foreground"], environment)
    until_ready(process, folder, lambda: _listens(port) and _listens(tls_port))
    return _peer("ejabberd", folder, process, port, tls_port)


def _start_prosody() -> Server:
    folder, port, tls_port = _prepared("prosody.cfg.lua")
    (folder / "data").mkdir()
    process = popen(folder, ["prosody", "--config", str(folder / "prosody.cfg.lua"), "-F"], {})
    until_ready(process, folder, lambda: _listens(port) and _listens(tls_port))
    return _peer("Prosody", folder, process, port, tls_port)


def _peer(name: str, folder: Path, process: subprocess.Popen[bytes], port: int, tls_port: int) -> Server:
    return Server(
        name,
        _package_version(name.lower()),
        Target(_DOMAIN, [port], session=False),
        Target(_DOMAIN, [tls_port], tls=True),
        folder,
        process,
    )


def _prepared(template: str) -> tuple[Path, int, int]:
    """A folder with a certificate and the filled-in configuration; a port and one for TLS."""
    folder = Path(tempfile.mkdtemp(prefix="roost-bench-"))
    port, tls_port = free_ports(2)
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "crt.pem")]
    subprocess.run(
        ["openssl", *request, "-subj", f"/CN={_DOMAIN}", *files],
        check=True,
        capture_output=True,
    )
    (folder / "cert.pem").write_bytes((folder / "key.pem").read_bytes() + (folder / "crt.pem").read_bytes())
    source = Template((Path(__file__).parent / "peers" / template).read_text())
    (folder / template).write_text(source.substitute(folder=folder, port=port, tls_port=tls_port))
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
    return folder, port, tls_port


def _package_version(package: str) -> str:
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=False
    )
    return found.stdout.partition("-")[0] or "unknown"


def popen(folder: Path, words: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a program; what it says goes to a file in the folder."""
    with (folder / "said").open("wb") as said:
        return subprocess.Popen(
            words, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )


def until_ready(process: subprocess.Popen[bytes], folder: Path, ready: Callable[[], bool]) -> None:
    """Wait until it is ready; RuntimeError with its own words, and nothing left behind, when it fails."""
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (folder / "said").read_text()
            _end(process, folder)
            raise RuntimeError(f"{process.args!r} did not start:\n{said}")
        time.sleep(_LOOK_SECONDS)


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    processes = family([process.pid])
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in processes - {process.pid}:
        _kill(pid)
    shutil.rmtree(folder, ignore_errors=True)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def free_ports(count: int) -> list[int]:
    """A row of ports that nobody listens on."""
    while True:
        first = random.choice(_PORTS)  # noqa: S311 - not a secret
        row = list(range(first, first + count))
        if not any(_listens(port) for port in row):
            return row


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def settled(server: Server, seconds: float = 20.0) -> None:
    """Wait until a server that has just started is at rest."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        before = measure(server.pids).cpu
        time.sleep(1)
        if measure(server.pids).cpu - before < 0.1:
            return
