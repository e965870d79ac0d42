"""Figures that a part of the server keeps of its own work, as plain numbers that `runtime.metrics` reads.

Counting must cost nothing to speak of where stanzas pass: an attribute, an entry of a dictionary, a
histogram's list. Nobody is told when one changes; they are looked at when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol


class Histogram:
    """How many values were seen up to each of some bounds, and their sum."""

    __slots__ = ("_limits", "bounds", "counts", "scale", "sum")

    def __init__(self, bounds: Sequence[float], *, scale: int = 1) -> None:
        """Values are observed in 1/`scale` of the unit in which the `bounds` are given, which go up."""
        self.bounds = bounds
        self.scale = scale
        self.counts = [0] * (len(bounds) + 1)
        """How many lay above the bound before and not above this one; the last: above all."""
        self.sum: float = 0
        self._limits = [bound * scale for bound in bounds]

    def observe(self, value: float) -> None:
        """Note one value."""
        self.counts[bisect_left(self._limits, value)] += 1
        self.sum += value

    def __add__(self, other: Histogram) -> Histogram:
        """What both have seen; they have the same bounds and scale."""
        both = Histogram(self.bounds, scale=self.scale)
        both.counts = [one + another for one, another in zip(self.counts, other.counts, strict=True)]
        both.sum = self.sum + other.sum
        return both


Value = float | Histogram
Reading = Value | None | Mapping[Any, Value]
"""What a metric is now: one value, or one for each of its label's values, or tuple of its labels' values.
None, or an empty mapping, when this process cannot say."""
Source = Reading | Callable[[], Reading]
"""Where a metric is read: something that changes, or a function that is called."""
Figures = Mapping[str, Source]
"""Sources by the names of their metrics, without the prefix that all have."""


class Watched(Protocol):
    """A part of the server that keeps figures."""

    def figures(self) -> Figures:
        """Where each of them is read."""
        ...


Count = Callable[..., None]
"""Counts something that happens now and then: the metric's name, then its labels' values."""

FAST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Bounds for what takes a millisecond on a good day and a minute on a bad one."""
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Bounds for how much goes together."""
