"""What the kernel knows of a connection: whether the other machine has got what was written.

What a write has handed to the kernel may wait there for as long as the client is out of reach, and is gone
with the connection. Only what the client's machine has acknowledged has left for good.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
from termios import TIOCOUTQ
from typing import Protocol

_NOTHING = bytes(4)
_INFO_BYTES = 192
_BYTES_ACKED = 120  # offset of tcpi_bytes_acked in Linux's struct tcp_info, since 4.1


class Socket(Protocol):
    """What a transport gives as its socket."""

    def fileno(self) -> int:
        """The descriptor."""
        ...

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        """See socket.socket."""
        ...


def unacknowledged(descriptor: int) -> int:
    """Bytes that wait in the kernel: not sent, or sent and not acknowledged; 0 where it does not say."""
    try:
        found: int = struct.unpack("i", fcntl.ioctl(descriptor, TIOCOUTQ, _NOTHING))[0]
    except OSError:
        return 0
    return found


def acknowledged(sock: Socket) -> int | None:
    """Bytes that the other machine has acknowledged since the connection began; None where it is not told."""
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        found: int = struct.unpack_from("Q", info, _BYTES_ACKED)[0]
    except (OSError, AttributeError, struct.error):  # another kind of socket, another kernel
        return None
    return found


def has_room(descriptor: int) -> bool:
    """Whether the kernel would take more: if so, nothing waits outside of it."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
