"""Ports: shared with others of this machine, or one's own."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest

from free_ports import free_port
from roost.net.listeners import Listeners
from roost.net.tcp import Connections
from roost.net.tls import ServerTls
from roost.roles.up.certificates import provide


class Stream:
    authenticated = True

    def __init__(self, wire):
        self.wire = wire

    def received(self, data):
        self.wire.write(data)

    def lost(self):
        pass


def listeners(tls=None):
    connections = Connections(
        make_stream=Stream,
        tls=tls,
        unauthenticated_seconds=5,
        close_seconds=1,
        idle_seconds=60,
        write_buffer_bytes=65536,
        max_unauthenticated=200,
        count=lambda *what: None,
    )
    return Listeners(connections, "127.0.0.1", tls_handshake_seconds=5)


def test_two_processes_may_share_a_port_and_one_may_not_take_anothers(run):
    async def play():
        port = free_port()
        one, other, third = listeners(), listeners(), listeners()
        await one.starttls(port, shared=True)
        await other.starttls(port, shared=True)
        with pytest.raises(OSError, match=f"port {port} on 127.0.0.1 cannot be used"):
            await third.starttls(port, shared=False)
        for each in (one, other):
            await each.close()

    run(play())


def test_a_closed_listener_takes_nobody(run):
    async def play():
        port = free_port()
        one = listeners()
        await one.starttls(port, shared=False)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"echo")
        assert await reader.readexactly(4) == b"echo"
        await one.close()
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()

    run(play())


@pytest.mark.parametrize(("tls", "many"), [(False, 100), (True, 5)])
def test_who_waits_in_the_kernel_when_a_listener_closes_is_taken(tmp_path, run, tls, many):
    async def greet():
        reader, writer = await asyncio.open_connection(sock=waiting.pop())
        if tls:
            context = ssl.create_default_context(cafile=files.authority)
            await writer.start_tls(context, server_hostname="example.net")
        writer.write(b"echo")
        assert await reader.readexactly(4) == b"echo"
        writer.close()

    async def play():
        port = free_port()
        one = listeners(ServerTls(files.certificate, files.key))
        await (one.direct_tls if tls else one.starttls)(port, shared=True)
        # no turn of the loop from here until the listener is closed: they wait, and one of them says nothing
        waiting.extend(socket.create_connection(("127.0.0.1", port)) for _ in range(many + 1))
        await asyncio.gather(one.close(), *(greet() for _ in range(many)))
        with pytest.raises(OSError):
            await asyncio.open_connection("127.0.0.1", port)

    files = provide(tmp_path, "example.net")
    waiting: list[socket.socket] = []
    run(play())
    waiting.pop().close()


def test_they_say_whether_they_listen(run):
    async def play():
        one = listeners()
        assert one.trouble == "no port is open"
        await one.starttls(free_port(), shared=False)
        assert one.trouble is None
        await one.close()
        assert one.trouble == "no port is open"

    run(play())
