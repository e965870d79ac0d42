"""The figures of a run for the terminal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from loadtest.report.outcome import Outcome

if TYPE_CHECKING:
    from loadtest.run import Costs

_HEAD = ("", "times", "p50 ms", "p95 ms", "p99 ms", "max ms", "a second", "failures")


def table(outcome: Outcome, costs: Costs) -> str:
    """Requests as a table, and what they cost as sentences."""
    rows = [
        (
            row.name,
            f"{row.requests:,}",
            *(_shown(figure) for figure in (row.p50, row.p95, row.p99, row.max)),
            f"{row.per_second:.1f}",
            f"{row.failures:,}",
        )
        for row in outcome.rows
    ]
    return "\n".join([*_aligned([_HEAD, *rows]), "", *_sentences(outcome, costs)])


def _sentences(outcome: Outcome, costs: Costs) -> list[str]:
    seconds = max(costs.seconds, 1e-9)
    per_message = ""
    if costs.messages:
        each = costs.cpu_seconds / costs.messages * 1e6
        per_message = f", {each:,.0f} µs for each message delivered, all else that went on included"
    return [
        f"Lost: {outcome.lost}. Delivered twice: {outcome.twice}.",
        f"Server: {costs.cpu_seconds / seconds:.2f} of {os.cpu_count()} cores{per_message}; "
        f"{costs.memory / 1024:,.0f} MiB.",
        f"Load generator: {costs.generator_cpu_seconds / seconds:.2f} cores; "
        f"{costs.generator_memory / 1024:,.0f} MiB.",
    ]


def _shown(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds:.1f}" if milliseconds < 10 else f"{milliseconds:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
