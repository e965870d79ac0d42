"""The figures as a table: for the terminal, and as a page."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from loadtest.bench.run import Results, Scale
from loadtest.bench.scenarios import FEW
from loadtest.bench.servers import ROOST


@dataclass(frozen=True, slots=True)
class _Row:
    title: str
    figure: str
    unit: str
    goal: float | None = None


def _rows(scale: Scale) -> list[_Row]:
    crowds = [
        _Row(f"routed chat message, {users:,} connected", f"chat among {users} µs", "µs")
        for users in scale.crowds
    ]
    return [
        _Row(f"routed chat message, {scale.talkers} talkers, 4 under way each", "chat µs", "µs", 45),
        _Row(f"the same at a calm {scale.rate:,} a second", "calm µs", "µs", 300),
        _Row("its latency, median", "calm p50 ms", "ms", 1),
        _Row("its latency, 99th percentile", "calm p99 ms", "ms", 5),
        _Row(f"presence delivered, {scale.contacts} contacts", "presence µs", "µs", 15),
        _Row("login, PLAIN", "idle login ms", "ms", 3),
        _Row("login, PLAIN over new TLS", "idle TLS login ms", "ms"),
        _Row("idle connection, plain", "idle KiB", "KiB", 24),
        _Row("idle connection, TLS", "idle TLS KiB", "KiB", 50),
        *crowds,
        _Row(f"idle connection, TLS, {scale.many_idlers:,} over four pods", "crowd TLS KiB", "KiB", 50),
    ]


def table(results: Results, scale: Scale) -> str:
    """A table in Markdown, which reads well on a terminal too."""
    names = list(results.figures)
    others = [name for name in names if name != ROOST]
    head = ["", *names, "goal", *(f"{ROOST} : {name}" for name in others)]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for row in _rows(scale):
        values = {name: results.middle(name, row.figure) for name in names}
        goal = "" if row.goal is None else f"≤ {row.goal:g} {row.unit}"
        ratios = [_ratio(values[ROOST], values[name]) for name in others]
        lines.append([row.title, *(_shown(values[name], row.unit) for name in names), goal, *ratios])
    return _aligned(lines)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return (
        f"{value:.0f} {unit}"
        if value >= 100
        else f"{value:.1f} {unit}"
        if value >= 10
        else f"{value:.2f} {unit}"
    )


def _ratio(ours: float | None, theirs: float | None) -> str:
    return f"{ours / theirs:.2f}" if ours is not None and theirs else ""


def _aligned(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    out = []
    for number, line in enumerate(lines):
        if number == 1:
            cells = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        else:
            cells = [
                line[0].ljust(widths[0]),
                *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True)),
            ]
        out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out)


def losses(results: Results) -> list[str]:
    """What went missing, a sentence each."""
    return [
        f"{server}: {name} {total:g}"
        for server, figures in results.figures.items()
        for name, values in figures.items()
        if name.endswith("lost") and (total := sum(values))
    ]


def page(results: Results, scale: Scale, *, quick: bool) -> str:
    """The page that docs/benchmarks.md is."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    lost = losses(results)
    missing = "Nothing was lost." if not lost else f"Lost: {'; '.join(lost)}."
    short = " A short run: take it as a rough look." if quick else ""
    return f"""# Benchmarks

Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}, on {_machine()}.
{versions}.{short}

{table(results, scale)}

CPU is that of all processes of a server (Roost: two connection managers, presence, Valkey, PostgreSQL and
their supervisor), user and system, from `/proc`. Memory is the growth of their proportional set
size, divided by the connections. Medians of {scale.rounds} rounds of {scale.seconds:g} s, the servers
in turn. {missing}

* **Chat**: pairs that answer each other at once, a message of about 300 bytes; on Roost the two
  of a pair always sit on different connection managers. No TLS, no stream management.
* **Calm**: the same messages at a fixed rate: most of the cost is waking up for a single message.
* **Presence**: one user with many contacts changes presence as soon as all have the last one.
* **Idle**: logged in, available, silent. The server is fresh each time.
* **Connected**: the cost of a message between {FEW} users while the rest is connected and silent.

The load generator shares the machine with the server; it is one process, and costs no server CPU.
"""


def _machine() -> str:
    model = "an unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    total = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    return f"{os.cpu_count()} processors ({model}), {total:.0f} GiB, Python {platform.python_version()}"
