"""What came, and what should have come, from one sender to one receiver."""

from __future__ import annotations

from collections import deque
from enum import Enum


class Arrival(Enum):
    """How a message arrives."""

    NEW = "new"
    LATE = "late"
    """It had been given up, and that has been counted."""
    DISORDERED = "out of order"
    """After one that was sent later (RFC 6120 section 10.1 forbids it)."""
    TWICE = "twice"


class Flow:
    """Numbered messages: which have come, and which were claimed to have been sent by when."""

    __slots__ = ("_beyond", "_claims", "_given_up", "_highest", "_settled")

    def __init__(self) -> None:
        self._settled = 0  # all up to here have come or were given up
        self._beyond: set[int] = set()  # came, further on
        self._highest = 0
        self._given_up: set[int] = set()
        self._claims: deque[tuple[int, float]] = deque()

    def arrived(self, number: int) -> Arrival:
        """Message `number` is here."""
        if number in self._given_up:
            self._given_up.discard(number)
            return Arrival.LATE
        if number <= self._settled or number in self._beyond:
            return Arrival.TWICE
        self._beyond.add(number)
        self._advance()
        if number < self._highest:
            return Arrival.DISORDERED
        self._highest = number
        return Arrival.NEW

    def excuse(self, number: int) -> None:
        """Message `number` will not come, for a reason that its sender knows."""
        if number > self._settled:
            self._beyond.add(number)
            self._advance()

    def claim(self, number: int, sent_at: float) -> None:
        """All up to `number` were sent by then, in seconds since 1970."""
        if number > self._settled:
            self._claims.append((number, sent_at))

    def open(self) -> int:
        """How many are under way."""
        self._drop_settled_claims()
        return self._claims[-1][0] - self._settled - len(self._beyond) if self._claims else 0

    def overdue(self, sent_before: float) -> int:
        """Give up what was sent before then and is not here; how many that are."""
        lost = 0
        while self._claims and self._claims[0][1] < sent_before:
            number, _ = self._claims.popleft()
            for missing in range(self._settled + 1, number + 1):
                if missing not in self._beyond:
                    self._given_up.add(missing)
                    self._beyond.add(missing)
                    lost += 1
            self._advance()
        return lost

    def _advance(self) -> None:
        while self._settled + 1 in self._beyond:
            self._settled += 1
            self._beyond.discard(self._settled)
        self._drop_settled_claims()

    def _drop_settled_claims(self) -> None:
        while self._claims and self._claims[0][0] <= self._settled:
            self._claims.popleft()


class LatestFlow:
    """Presence of one contact: only the latest counts, what it has replaced need not come."""

    __slots__ = ("_claims", "_highest")

    def __init__(self) -> None:
        self._highest = 0
        self._claims: deque[tuple[int, float]] = deque()

    def arrived(self, number: int) -> bool:
        """Whether presence `number` is news."""
        if number <= self._highest:
            return False
        self._highest = number
        while self._claims and self._claims[0][0] <= number:
            self._claims.popleft()
        return True

    def claim(self, number: int, sent_at: float) -> None:
        """Presence `number` was sent then, in seconds since 1970."""
        if number > self._highest:
            self._claims.append((number, sent_at))

    def open(self) -> int:
        """How many are under way."""
        return len(self._claims)

    def overdue(self, sent_before: float) -> int:
        """Give up what was sent before then and was neither seen nor replaced; how many that are."""
        lost = 0
        while self._claims and self._claims[0][1] < sent_before:
            number, _ = self._claims.popleft()
            self._highest = max(self._highest, number)
            lost += 1
        return lost
