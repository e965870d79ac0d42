"""`roost log-level`: another log level for running processes, for a while."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta

from roost.cluster.client import RedisClient
from roost.cluster.member import CONFIGURED, LogLevels
from roost.cluster.overview import Overview
from roost.cluster.topology import topology
from roost.core.ports import BusUnavailable
from roost.runtime.config import Settings


async def run(settings: Settings, level: str, pod: str | None, minutes: int) -> int:
    """Ask, and say what was asked of whom; the exit code."""
    timeout = settings.redis_timeout_seconds
    redis = RedisClient(
        topology(settings.redis_url, timeout), timeout=timeout, probe_seconds=settings.heartbeat_seconds
    )
    levels, overview = LogLevels(redis), Overview(redis)
    try:
        await redis.open()
        names = await _names(overview, settings.lease_seconds)
        if pod is not None and pod not in names:
            there = ", ".join(sorted(set(names))) or "none"
            print(f"No running process is called {pod}. Running: {there}.", file=sys.stderr)
            return 1
        await levels.ask(pod, level, minutes * 60)
    except BusUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        await redis.close()
    print(_said(level, names if pod is None else [pod] * names.count(pod), minutes))
    return 0


async def _names(overview: Overview, lease_seconds: float) -> list[str]:
    processes = await overview.processes()
    return [process.about.pod for process in processes if process.silent < lease_seconds]


def _said(level: str, names: list[str], minutes: int) -> str:
    whom = names[0] if len(set(names)) == 1 else f"All {len(names)} processes" if names else "No process yet"
    verb = "log" if len(set(names)) > 1 else "logs"
    if level == CONFIGURED:
        return f"{whom} {verb} at the level of the settings again."
    until = datetime.now().astimezone() + timedelta(minutes=minutes)
    return f"{whom} {verb} at {level} until {until:%H:%M} ({minutes} minutes), then as the settings say."
