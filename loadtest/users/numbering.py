"""Which user is which: numbers that no two workers give out, dense from 0, so that accounts may exist."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush


class Numbering:
    """The numbers of one worker.

    Users of a scenario have positions 0, 1, 2, ... over all workers, which take them in turn, so that
    neighbours, who talk to each other, sit on different workers. With several scenarios in one run
    each has every so-manieth account.
    """

    def __init__(self, rank: int, workers: int, scenarios: Sequence[str]) -> None:
        """`rank` is this worker's, 0 to `workers` - 1."""
        self.rank = rank
        self.workers = workers
        self._scenarios = sorted(scenarios)
        self._next = dict.fromkeys(self._scenarios, 0)
        self._free: dict[str, list[int]] = {name: [] for name in self._scenarios}

    def take(self, scenario: str) -> int:
        """The lowest position of this worker that nobody has."""
        free = self._free[scenario]
        if free:
            return heappop(free)
        turn = self._next[scenario]
        self._next[scenario] = turn + 1
        return turn * self.workers + self.rank

    def give_back(self, scenario: str, position: int) -> None:
        """Its user is gone."""
        heappush(self._free[scenario], position)

    def number(self, scenario: str, position: int) -> int:
        """The account's number."""
        return position * len(self._scenarios) + self._scenarios.index(scenario)

    def rank_of(self, position: int) -> int:
        """The worker whose user that is."""
        return position % self.workers
