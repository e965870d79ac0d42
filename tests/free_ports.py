"""Ports for servers of this test process: no other test process chooses from the same ones.

A port that is merely free now may be another's by the time a server listens on it. So each process takes a
block of its own, below the ports that the kernel gives to outgoing connections, and goes round in it.
"""

from __future__ import annotations

import itertools
import socket
from functools import cache

_FIRST = 10_000
_BLOCK = 100
_BLOCKS = 60


class _Block:
    """Some ports in a row, this process's until it ends."""

    def __init__(self) -> None:
        self._claim = socket.socket(socket.AF_UNIX)
        first = _FIRST + _BLOCK * next(filter(self._claimed, range(_BLOCKS)))
        self._ports = range(first, first + _BLOCK)
        self._next = itertools.cycle(self._ports)

    def _claimed(self, number: int) -> bool:
        try:
            self._claim.bind(f"\0roost-test-ports-{number}")  # the kernel forgets it with the process
        except OSError:
            return False
        return True

    def row(self, count: int) -> range:
        for first in itertools.islice(self._next, 2 * _BLOCK):
            row = range(first, first + count)
            if row.stop <= self._ports.stop and all(map(_is_free, row)):
                for _ in row[1:]:
                    next(self._next)
                return row
        raise AssertionError(f"there are no {count} free ports in {self._ports}")


@cache
def _block() -> _Block:
    return _Block()


def free_port() -> int:
    """A port that nobody listens on."""
    return free_row(1)[0]


def free_row(count: int) -> range:
    """Such ports, one behind the other."""
    return _block().row(count)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
            probe.listen(1)
        except OSError:
            return False
    return True
