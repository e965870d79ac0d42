"""What the kernel knows of a connection."""

from __future__ import annotations

import os
import select
import socket

import pytest

from engines import until
from roost.net import kernel

_BUFFER = 4096
_PATIENCE = 100


@pytest.fixture
def pair():
    """Both ends of a TCP connection, the server's first; the client has little room."""
    theirs = socket.socket()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs.connect(server.getsockname())
        ours, _address = server.accept()
    ours.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def fill(sock):
    """Write until the kernel takes no more, also when the client's side has taken what it can."""
    sent = 0
    for _ in range(_PATIENCE):
        try:
            sent += sock.send(bytes(65536))
        except BlockingIOError:
            if not select.select([], [sock], [], 0.2)[1]:
                break
    return sent


def test_what_was_acknowledged_has_left(pair):
    ours, _theirs = pair
    ours.send(b"twelve bytes")
    until(lambda: not kernel.unacknowledged(ours.fileno()), "the acknowledgement")
    assert kernel.acknowledged(ours) == 12
    assert kernel.has_room(ours.fileno())


def test_what_is_not_read_waits_and_then_leaves(pair):
    ours, theirs = pair
    sent = fill(ours)
    assert not kernel.has_room(ours.fileno())
    waiting, got = kernel.unacknowledged(ours.fileno()), kernel.acknowledged(ours)
    assert waiting > 0
    assert 0 < got < sent
    left = sent
    while left:
        left -= len(theirs.recv(left))
    until(lambda: kernel.acknowledged(ours) == sent, "the acknowledgement")
    assert not kernel.unacknowledged(ours.fileno())


def test_what_had_not_left_when_the_connection_broke_is_known(pair):
    ours, theirs = pair
    fill(ours)
    theirs.close()  # with unread data: a reset
    until(lambda: ours.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "the reset")
    assert kernel.unacknowledged(ours.fileno()) > 0


def test_other_sockets_do_not_say():
    one, other = socket.socketpair()
    with one, other:
        assert kernel.acknowledged(one) is None
    with open(os.devnull) as file:
        assert kernel.unacknowledged(file.fileno()) == 0
