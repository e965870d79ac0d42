"""The figures of a run, out of what Locust has counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.delivery.ledger import LOST, TWICE


def bucket(milliseconds: float) -> float:
    """The latency that a report knows it by: two digits, as Locust has it, also below 10 ms."""
    if milliseconds < 10:
        return round(milliseconds, 1)
    if milliseconds < 100:
        return round(milliseconds)
    return float(f"{milliseconds:.2g}")


def percentile(times: Mapping[float, int], share: float) -> float | None:
    """The latency in ms within which that share of requests was answered; None without any."""
    left = sum(times.values()) * (1 - share)
    latency = None
    for latency in sorted(times, reverse=True):
        left -= times[latency]
        if left < 0:
            break
    return latency


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of request; times in ms."""

    name: str
    requests: int
    failures: int
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    per_second: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run, or what is known of it so far."""

    rows: list[Row]
    lost: int
    """Messages and presences."""
    twice: int
    requests: int
    failures: int

    def row(self, name: str) -> Row | None:
        """The requests of that name, if there were any."""
        return next((row for row in self.rows if row.name == name), None)

    @property
    def fail_ratio(self) -> float:
        """The share of requests that failed, 0 to 1."""
        return self.failures / self.requests if self.requests else 0.0

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def of_plain(cls, found: dict[str, Any]) -> Outcome:
        """Out of JSON."""
        return cls(**{**found, "rows": [Row(**row) for row in found["rows"]]})


def outcome(stats: Any) -> Outcome:
    """Out of Locust's statistics."""
    entries = sorted(stats.entries.values(), key=lambda entry: str(entry.name))
    return Outcome(
        [_row(entry) for entry in entries if entry.num_requests],
        _count(stats, LOST),
        _count(stats, TWICE),
        stats.total.num_requests,
        stats.total.num_failures,
    )


def _row(entry: Any) -> Row:
    longest = round(entry.max_response_time, 1) if entry.response_times else None
    p50, p95, p99 = (_within(entry.response_times, share, longest) for share in (0.5, 0.95, 0.99))
    return Row(entry.name, entry.num_requests, entry.num_failures, p50, p95, p99, longest, entry.total_rps)


def _within(times: Mapping[float, int], share: float, longest: float | None) -> float | None:
    """The percentile; rounded up to its bucket it may not be longer than the longest."""
    found = percentile(times, share)
    return found if found is None or longest is None else min(found, longest)


def _count(stats: Any, failure: str) -> int:
    return sum(error.occurrences for error in stats.errors.values() if error.error == failure)
