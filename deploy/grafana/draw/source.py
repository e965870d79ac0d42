"""Asks a Prometheus, as Grafana would."""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

_TIMEOUT_SECONDS = 30
_POINTS = 240  # as many as a panel of a third of the page can show
_SCRAPES_OF_A_RATE = 4


class RefusedError(Exception):
    """Prometheus does not understand a query; the text is its reason."""


@dataclass(frozen=True)
class Series:
    """What has one set of labels, over time."""

    labels: dict[str, str]
    times: Sequence[float]
    values: Sequence[float]
    """One a time; not a number where there is none."""


class Prometheus:
    """The HTTP interface of the Prometheus at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")

    def ask(self, what: str, **words: object) -> Any:
        """The data of an answer. Raises RefusedError, and OSError while it is not there or is starting."""
        url = f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(words)}"
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - ours to choose
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            raise RefusedError(error.read().decode()) from None

    def scrape_seconds(self) -> float:
        """How often it looks at its targets."""
        settings = self.ask("status/config")["yaml"]
        found = re.search(r"^  scrape_interval: (?:(\d+)m)?(?:(\d+)s)?", settings, re.MULTILINE)
        minutes, seconds = found.groups() if found else (1, 0)
        return int(minutes or 0) * 60 + int(seconds or 0)


class View:
    """A Prometheus looked at over a span of time, with everything chosen that a dashboard lets one choose."""

    def __init__(self, prometheus: Prometheus, start: float, end: float) -> None:
        """`start` and `end` are in seconds of Unix time."""
        self._prometheus = prometheus
        self.start = start
        self.end = end
        scrape = prometheus.scrape_seconds()
        self._step = max(scrape, math.ceil((end - start) / _POINTS))
        self._rate = max(self._step + scrape, _SCRAPES_OF_A_RATE * scrape)

    def now(self, query: str) -> list[Series]:
        """What a query gives at the end of the span."""
        found = self._prometheus.ask("query", query=self._filled(query), time=self.end)["result"]
        return _numbers(Series(one["metric"], [self.end], [float(one["value"][1])]) for one in found)

    def over_time(self, query: str) -> list[Series]:
        """What a query gives over the span; all series have the same times."""
        words = {"start": self.start, "end": self.end, "step": self._step}
        found = self._prometheus.ask("query_range", query=self._filled(query), **words)["result"]
        times = [self.start + i * self._step for i in range(int((self.end - self.start) / self._step) + 1)]
        return _numbers(Series(one["metric"], times, self._at(times, one["values"])) for one in found)

    def _at(self, times: Sequence[float], points: Sequence[tuple[float, str]]) -> list[float]:
        """The values at all times: Prometheus leaves out those at which there is none."""
        known = {round((time - self.start) / self._step): float(value) for time, value in points}
        return [known.get(i, math.nan) for i in range(len(times))]

    def _filled(self, query: str) -> str:
        query = query.replace("$__rate_interval", f"{self._rate:.0f}s")
        return re.sub(r"\$(namespace|job|instance)\b", ".*", query)


def _numbers(series: Iterable[Series]) -> list[Series]:
    """Those of the series that are a number at some time."""
    return [one for one in series if not all(map(math.isnan, one.values))]
