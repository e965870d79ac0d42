"""Runs the loads on all servers in turn and gathers the figures."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from loadtest.bench import scenarios
from loadtest.bench.client import Client, Target, many
from loadtest.bench.scenarios import Figures
from loadtest.bench.servers import ROOST, Kind, Server, roost, settled

Say = Callable[[str], None]
Load = Callable[[Target, Sequence[int]], Awaitable[Figures]]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    rounds: int
    seconds: float
    """Of one load in one round."""
    talkers: int
    contacts: int
    idlers: int
    rate: int
    crowds: Sequence[int]
    """Numbers of connected users at which the cost of a message is compared."""
    many_idlers: int
    """Over TLS, on four pods."""


FULL = Scale(3, 6, 202, 100, 3000, 1000, (100, 1_000, 10_000), 20_000)
QUICK = Scale(1, 4, 202, 100, 1000, 1000, (100, 1_000), 1_000)


@dataclass
class Results:
    """Figures by server, then by name; several where there were several rounds."""

    versions: dict[str, str] = field(default_factory=dict)
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, server: str, figures: Figures) -> None:
        """One load's outcome."""
        mine = self.figures.setdefault(server, {})
        for name, value in figures.items():
            mine.setdefault(name, []).append(value)

    def middle(self, server: str, name: str) -> float | None:
        """The median over the rounds, or None when it was not measured."""
        values = self.figures.get(server, {}).get(name)
        return statistics.median(values) if values else None


async def run(kinds: Sequence[Kind], scale: Scale, say: Say) -> Results:
    """All loads on all servers; `kinds` begins with Roost."""
    results = Results()
    await _work(kinds, scale, results, say)
    for kind in kinds:
        await _memory(kind, scale, results, say)
    await _size(scale, results, say)
    return results


async def _work(kinds: Sequence[Kind], scale: Scale, results: Results, say: Say) -> None:
    """What work costs: the servers take turns, so that each meets the same mood of the machine."""
    loads: dict[str, Load] = {
        "chat": partial(scenarios.chat, users=scale.talkers, seconds=scale.seconds),
        "calm": partial(scenarios.paced, users=scale.talkers, seconds=scale.seconds, rate=scale.rate),
        "presence": partial(scenarios.presence, contacts=scale.contacts, seconds=scale.seconds),
    }
    servers: list[Server] = []
    try:
        servers.extend(_started(kind, results, say) for kind in kinds)
        for server in servers:
            await _register(server.plain, scale.talkers)
            await _register(_friends(server.plain), scale.contacts + 1)
        for round_ in range(scale.rounds):
            for name, load in loads.items():
                for server in servers:
                    target = _friends(server.plain) if name == "presence" else server.plain
                    await _measure(server, f"{name}, round {round_ + 1}", load, target, results, say)
    finally:
        for server in servers:
            server.stop()


async def _memory(kind: Kind, scale: Scale, results: Results, say: Say) -> None:
    """What connections weigh: each time on a server that has not given any memory back yet."""
    for name in ("idle", "idle TLS"):
        server = _started(kind, results, say)
        try:
            await _register(server.plain, scale.idlers + scenarios.FIRST)
            target = server.tls if name == "idle TLS" else server.plain
            load = partial(scenarios.idle, users=scale.idlers, name=name)
            await _measure(server, name, load, target, results, say)
        finally:
            server.stop()


async def _size(scale: Scale, results: Results, say: Say) -> None:
    """Roost alone: whether a message costs the same among many, and how many fit on one machine."""
    server = _started(roost(), results, say)
    try:
        await _register(server.plain, max(scale.crowds))
        for users in scale.crowds:
            load = partial(scenarios.among, silent=users - scenarios.FEW, seconds=scale.seconds)
            await _measure(server, f"chat among {users}", load, server.plain, results, say)
    finally:
        server.stop()
    server = _started(roost(pods=4), results, say)
    try:
        await _register(server.plain, scale.many_idlers + scenarios.FIRST)
        load = partial(scenarios.idle, users=scale.many_idlers, name="crowd TLS")
        await _measure(server, f"{scale.many_idlers} idle over TLS", load, server.tls, results, say)
    finally:
        server.stop()


def _friends(target: Target) -> Target:
    """Other accounts, so that the contacts of some do not burden the rest."""
    return replace(target, prefix="friend")


def _started(kind: Kind, results: Results, say: Say) -> Server:
    say(f"starting {kind.name}")
    server = kind.start()
    results.versions[server.name] = server.version
    return server


async def _register(target: Target, users: int) -> None:
    await many(target, users, Client.register)


async def _measure(server: Server, what: str, load: Load, target: Target, results: Results, say: Say) -> None:
    await asyncio.to_thread(settled, server)
    try:
        figures = await load(target, server.pids)
    except (ConnectionError, TimeoutError) as error:
        if server.name == ROOST:
            raise
        say(f"{server.name}: {what}: could not: {error}")
        return
    results.add(server.name, figures)
    shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    say(f"{server.name}: {what}: {shown}")
