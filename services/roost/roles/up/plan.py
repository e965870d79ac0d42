"""What `roost up` was asked for, and the settings of each process that follow from it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roost.roles.up import ports
from roost.roles.up.child import Command
from roost.roles.up.folder import Folder
from roost.runtime.config import FILE_VARIABLE, PREFIX, Settings, as_environment

CONNECTION_MANAGER = "connection-manager"
PRESENCE = "presence"
_PROBE_SECONDS = 2.0
_STOP_MARGIN_SECONDS = 10.0
_LOOPBACK = "127.0.0.1"

DEFAULTS = {"log_format": "console", "metrics_host": _LOOPBACK}
"""Defaults of `roost up` that differ from those of a role alone."""


@dataclass(frozen=True)
class Plan:
    """The whole of a command line."""

    settings: Settings
    data: Path
    connection_managers: int = 2
    own_port: int | None = None
    """The first of the connection managers' own ports, two each; None to choose free ones."""
    describe: Path | None = None
    """Where to write what runs, as JSON."""
    program: Sequence[str] = (sys.executable, "-m", "roost")
    """The words before a role's name."""


@dataclass(frozen=True)
class Pod:
    """One process of ours."""

    role: str
    name: str
    settings: Settings


def pods(plan: Plan, settings: Settings, taken: Collection[int] = ()) -> list[Pod]:
    """The connection managers, then presence; each with ports of its own, none of them `taken`.

    Raises CannotStart when a port is in use.
    """
    count = plan.connection_managers
    own = _own_ports(plan, taken)
    metrics = [settings.metrics_port + i for i in range(count + 1)]
    _check(settings, own if plan.own_port else [], metrics)
    managers = [
        Pod(
            CONNECTION_MANAGER,
            f"connection manager {i + 1}",
            settings.model_copy(
                update={
                    "pod_name": f"{CONNECTION_MANAGER}-{i + 1}",
                    "own_starttls_port": own[2 * i],
                    "own_direct_tls_port": own[2 * i + 1],
                    "metrics_port": metrics[i],
                }
            ),
        )
        for i in range(count)
    ]
    update = {"pod_name": f"{PRESENCE}-1", "metrics_port": metrics[count]}
    return [*managers, Pod(PRESENCE, "presence", settings.model_copy(update=update))]


def command(plan: Plan, pod: Pod, folder: Folder) -> Command:
    """The command that runs `pod`; its secrets go by the environment."""
    port = pod.settings.metrics_port

    async def ready(_pid: int) -> bool:
        return await _says_ready(port)

    return Command(
        name=pod.name,
        argv=[*plan.program, pod.role],
        log=folder.logs / f"{pod.settings.pod_name}.log",
        ready=ready,
        environment=_environment(pod.settings),
        hurry_signal=signal.SIGTERM,  # a second one
        stop_seconds=pod.settings.drain_seconds + _STOP_MARGIN_SECONDS,
    )


def _own_ports(plan: Plan, taken: Collection[int]) -> list[int]:
    count = 2 * plan.connection_managers
    if plan.own_port is None:
        return ports.choose(count, taken)
    return [plan.own_port + i for i in range(count)]


def _check(settings: Settings, own: Sequence[int], metrics: Sequence[int]) -> None:
    shared = {settings.starttls_port: "--starttls-port", settings.direct_tls_port: "--direct-tls-port"}
    ports.check(settings.listen_host, shared | dict.fromkeys(own, "--own-port"))
    ports.check(settings.metrics_host, dict.fromkeys(metrics, "--metrics-port"))


def _environment(settings: Settings) -> Mapping[str, str]:
    others = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) and name != FILE_VARIABLE
    }
    return others | as_environment(settings)


async def _says_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(_PROBE_SECONDS):
            reader, writer = await asyncio.open_connection(_LOOPBACK, port)
            try:
                writer.write(b"GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            finally:
                writer.close()
    except (TimeoutError, OSError):
        return False
