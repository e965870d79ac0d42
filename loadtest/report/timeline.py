"""How the figures went, second by second."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, TextIO

from loadtest.report.outcome import percentile

WINDOW_SECONDS = 5
"""Each moment tells of this many seconds before it."""
_KEPT = 1800  # moments, for the charts


@dataclass(frozen=True, slots=True)
class Moment:
    """One kind of request during the last seconds; latencies in ms, None when there was none."""

    second: int
    """Since the start."""
    users: int
    name: str
    requests: int
    """Since the start."""
    rate: float
    """Requests a second."""
    failures: float
    """A second."""
    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class _Counts:
    second: int
    requests: int
    failures: int
    times: dict[float, int]


class Timeline:
    """Looks at Locust's statistics once a second."""

    def __init__(self) -> None:
        self.moments: deque[list[Moment]] = deque(maxlen=_KEPT)
        self._before: dict[str, deque[_Counts]] = {}

    def look(self, second: int, users: int, stats: Any) -> list[Moment]:
        """The figures now, `second` seconds after the start."""
        now = [self._moment(second, users, entry) for entry in stats.entries.values()]
        self.moments.append(now)
        return now

    def _moment(self, second: int, users: int, entry: Any) -> Moment:
        counts = _Counts(second, entry.num_requests, entry.num_failures, dict(entry.response_times))
        before = self._before.setdefault(entry.name, deque([_Counts(second - 1, 0, 0, {})]))
        while len(before) > 1 and second - before[0].second > WINDOW_SECONDS:
            before.popleft()
        old = before[0]
        before.append(counts)
        times = _difference(counts.times, old.times)
        seconds = max(second - old.second, 1)
        return Moment(
            second,
            users,
            entry.name,
            counts.requests,
            (counts.requests - old.requests) / seconds,
            (counts.failures - old.failures) / seconds,
            *(percentile(times, share) for share in (0.5, 0.95, 0.99)),
        )


def _difference(new: Mapping[float, int], old: Mapping[float, int]) -> dict[float, int]:
    return {time: count for time in new if (count := new[time] - old.get(time, 0)) > 0}


class TimelineFile:
    """Moments as CSV, written as they come."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(field.name for field in fields(Moment))
        self._file.flush()

    def write(self, moments: list[Moment]) -> None:
        """One second."""
        self._writer.writerows(astuple(moment) for moment in moments)
        self._file.flush()

    def close(self) -> None:
        """No more."""
        self._file.close()


def read(path: Path) -> list[Moment]:
    """The moments of a file, but for a last line that is not whole yet."""
    with path.open(newline="") as file:
        lines = file.read().splitlines(keepends=True)
    rows = csv.reader(line for line in lines[1:] if line.endswith("\n"))
    return [_moment(row) for row in rows]


def _moment(row: list[str]) -> Moment:
    second, users, name, requests, rate, failures, *latencies = row
    shown = [float(latency) if latency else None for latency in latencies]
    return Moment(int(second), int(users), name, int(requests), float(rate), float(failures), *shown)
