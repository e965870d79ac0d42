"""Runs a Python program whose connections to some ports go to others, as if the kernel forwarded them.

python forwarding.py '{"5222": [20000, 20001]}' PROGRAM ARGUMENTS...

A port's connections go to each of its destinations in turn. What the program sees is the port it asked for.
"""

from __future__ import annotations

import itertools
import json
import runpy
import socket
import sys
from collections.abc import Iterator
from typing import Any, ClassVar


class Forwarded(socket.socket):
    """A socket that connects by the table."""

    table: ClassVar[dict[int, Iterator[int]]] = {}
    _asked: int | None = None

    def connect(self, address: Any) -> None:
        """Connect to the destination that is next for the address's port."""
        if isinstance(address, tuple) and address[1] in self.table:
            self._asked = address[1]
            address = (address[0], next(self.table[address[1]]), *address[2:])
        super().connect(address)

    def getpeername(self) -> Any:
        """The address that was asked for."""
        address = super().getpeername()
        return address if self._asked is None else (address[0], self._asked, *address[2:])


def main() -> None:
    """Run the program that the arguments name, as `python PROGRAM` would."""
    ports, *sys.argv = sys.argv[1:]
    Forwarded.table = {int(port): itertools.cycle(to) for port, to in json.loads(ports).items()}
    socket.socket = Forwarded  # type: ignore[misc]
    sys.path[0] = "."
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
