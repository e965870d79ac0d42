"""What runs and where, for people at the terminal and for programs (`--describe`)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roost.roles.up.certificates import Certificates
from roost.roles.up.child import Child
from roost.roles.up.folder import Folder, write_private
from roost.roles.up.plan import CONNECTION_MANAGER, PRESENCE, Pod
from roost.runtime.config import Settings
from roost.runtime.values import masked


@dataclass(frozen=True)
class Running:
    """The whole cluster, ready."""

    settings: Settings
    folder: Folder
    certificates: Certificates
    valkey: Child
    valkey_port: int
    postgresql: Child
    postgresql_port: int
    pods: Sequence[tuple[Pod, Child]]


def describe(running: Running, file: Path) -> None:
    """Write what runs as JSON, without secrets, in one go."""
    write_private(file, (json.dumps(_facts(running), indent=2) + "\n").encode())


def write_settings(folder: Folder, settings: Settings) -> None:
    """Write the TOML file by which other commands and a role alone find this cluster; holds secrets."""
    values = {
        name: getattr(settings, name)
        for name in (
            "domain",
            "starttls_port",
            "direct_tls_port",
            "redis_url",
            "database_url",
            "certificate_file",
            "key_file",
            "tls",
            "registration",
        )
    }
    lines = [
        f"{name} = {value if isinstance(value, int) else json.dumps(str(value))}"
        for name, value in values.items()
    ]
    head = "# Written by `roost up` at each start.\n"
    write_private(folder.settings, (head + "\n".join(lines) + "\n").encode())


def summary(running: Running) -> str:
    """The closing words of a start."""
    settings, folder = running.settings, running.folder
    command = f"{_program()} user add --config {_short(folder.settings)} romeo@{settings.domain}"
    until = f"{running.certificates.until:%Y-%m-%d}"
    facts = [
        ("clients", _ports(settings.starttls_port, settings.direct_tls_port)),
        *[(f"{pod.name}", _alone(pod)) for pod, _ in running.pods],
        ("CA for clients", f"{running.certificates.authority} (the certificate is valid until {until})"),
        ("a new account", command + (", or in a client" if settings.registration == "open" else "")),
        ("data and logs", str(folder.root)),
        ("stop", f"Ctrl-C, or kill {os.getpid()}"),
    ]
    lines = [f"  {what:<21} {value}" for what, value in facts]
    return "\n".join(["", f"Roost serves the domain {settings.domain}:", *lines])


def _facts(running: Running) -> dict[str, Any]:
    settings = running.settings
    return {
        "supervisor": os.getpid(),
        "domain": settings.domain,
        "starttls_port": settings.starttls_port,
        "direct_tls_port": settings.direct_tls_port,
        "tls": settings.tls,
        "registration": settings.registration,
        "data": str(running.folder.root),
        "settings_file": str(running.folder.settings),
        "ca_file": str(running.certificates.authority),
        "redis_url": masked(settings.redis_url),
        "database_url": masked(settings.database_url),
        "valkey": {"pid": running.valkey.pid, "port": running.valkey_port},
        "postgresql": {"pid": running.postgresql.pid, "port": running.postgresql_port},
        "connection_managers": [_pod(*each) for each in running.pods if each[0].role == CONNECTION_MANAGER],
        "presence": [_pod(*each) for each in running.pods if each[0].role == PRESENCE],
    }


def _pod(pod: Pod, child: Child) -> dict[str, Any]:
    settings = pod.settings
    facts: dict[str, Any] = {
        "name": settings.pod_name,
        "pid": child.pid,
        "metrics_port": settings.metrics_port,
    }
    if pod.role == CONNECTION_MANAGER:
        facts["starttls_port"] = settings.own_starttls_port
        facts["direct_tls_port"] = settings.own_direct_tls_port
    facts["log"] = str(child.command.log)
    return facts


def _alone(pod: Pod) -> str:
    settings = pod.settings
    own = _ports(settings.own_starttls_port, settings.own_direct_tls_port)
    metrics = f"metrics http://{settings.metrics_host}:{settings.metrics_port}/metrics"
    return f"alone on {own}, {metrics}" if own else metrics


def _ports(starttls: int, direct_tls: int) -> str:
    named = [(starttls, "STARTTLS"), (direct_tls, "direct TLS")]
    return " and ".join(f"port {port} ({name})" for port, name in named if port)


def _program() -> str:
    called = Path(sys.argv[0])
    return _short(called) if called.name == "roost" else f"{_short(Path(sys.executable))} -m roost"


def _short(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
