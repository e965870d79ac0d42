"""Claims find the worker on which their receiver lives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from loadtest.delivery.ledger import Claim, Ledger

Send = Callable[[int, list[Claim]], None]
"""Brings claims to the worker of that rank."""


class Couriers:
    """Claims for receivers here go to the ledger at once, others in one letter per worker and flush."""

    def __init__(self, ledger: Ledger, rank: int, send: Send) -> None:
        """`rank` is this worker's."""
        self._ledger = ledger
        self._rank = rank
        self._send = send
        self._letters: defaultdict[int, list[Claim]] = defaultdict(list)

    def claim(self, rank: int, claim: Claim) -> None:
        """Something was sent to a receiver on the worker of that rank."""
        if rank == self._rank:
            self._ledger.claim(claim)
        else:
            self._letters[rank].append(claim)

    def flush(self) -> None:
        """Send what waits."""
        letters, self._letters = self._letters, defaultdict(list)
        for rank, claims in letters.items():
            self._send(rank, claims)
