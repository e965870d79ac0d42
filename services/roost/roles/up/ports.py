"""Ports: whether one is free, and free ones."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

from roost.roles.up.trouble import CannotStart

# Below the ports that Linux gives to outgoing connections, so that no client's connection
# sits on a port of ours while a process that died starts again.
_CHOICE = range(20000, 32000)
_TRIES = 200


def check(host: str, ports: dict[int, str]) -> None:
    """Raise CannotStart for the first port that somebody listens on; `ports` says each one's option."""
    for port, option in ports.items():
        if port and not _is_free(host, port):
            raise CannotStart(f"Port {port} is in use; stop who uses it or choose another with {option}.")


def choose(count: int, besides: Collection[int] = ()) -> list[int]:
    """`count` different ports that nobody listens on, none of them one of `besides`; raises CannotStart."""
    found: set[int] = set()
    for _ in range(_TRIES + count):
        if len(found) == count:
            return list(found)
        port = random.choice(_CHOICE)  # noqa: S311 - not a secret
        if port not in besides and _is_free("0.0.0.0", port):  # noqa: S104 - a look, not a service
            found.add(port)
    raise CannotStart(f"There are no {count} free ports between {_CHOICE.start} and {_CHOICE.stop}.")


def _is_free(host: str, port: int) -> bool:
    # Without SO_REUSEPORT, which would let us share the port of another cluster of the same user.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True
