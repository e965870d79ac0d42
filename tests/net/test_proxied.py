"""Ports behind a balancer, with real sockets: plain, with TLS from the first byte, and with garbage."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from contextlib import asynccontextmanager

import pytest

from free_ports import free_port
from lines import captured
from roost.net.listeners import Listeners
from roost.net.proxied import Balancers
from roost.net.tcp import Connections
from roost.net.tls import ServerTls
from roost.protocol.proxy import SIGNATURE
from roost.roles.up.certificates import provide

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 5222\r\n"
BINARY = SIGNATURE + bytes([0x21, 0x11, 0, 12, 203, 0, 113, 9, 192, 0, 2, 1, 18, 103, 20, 102])
LOCAL = SIGNATURE + bytes([0x20, 0, 0, 0])


class Stream:
    """Says who it takes its client for, then what it hears."""

    def __init__(self, wire):
        self.wire = wire
        self.authenticated = False
        wire.write(wire.peer.encode() + b"|")

    def received(self, data):
        self.wire.write(data)

    def fail(self, error):
        self.wire.write(error.condition.encode())
        self.wire.close()

    timed_out = lost = lambda self: None


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return provide(tmp_path_factory.mktemp("tls"), "example.net")


class World:
    def __init__(self, files, *, networks="127.0.0.0/8", seconds=5.0, most=100):
        self.files = files
        self.counts = []
        self.bugs = []
        self.connections = Connections(
            make_stream=Stream,
            tls=ServerTls(files.certificate, files.key),
            unauthenticated_seconds=seconds,
            close_seconds=1,
            idle_seconds=60,
            write_buffer_bytes=65536,
            max_unauthenticated=most,
            count=self._counted,
        )
        self.balancers = Balancers(
            [ipaddress.ip_network(networks)], lambda where, bug: self.bugs.append((where, bug))
        )

    def _counted(self, metric, reason):
        if metric == "streams_refused":
            self.counts.append((metric, reason))

    @asynccontextmanager
    async def listening(self, *, tls=False, host="127.0.0.1"):
        self.port = free_port()
        self.listeners = Listeners(self.connections, host, tls_handshake_seconds=5, balancers=self.balancers)
        listen = self.listeners.direct_tls if tls else self.listeners.starttls
        await listen(self.port, shared=True)
        yield
        await self.listeners.close()
        assert self.bugs == []

    async def connect(self, header):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(header)
        return reader, writer


@pytest.mark.parametrize(
    ("header", "peer"),
    [(LINE, b"203.0.113.9"), (BINARY, b"203.0.113.9"), (LOCAL, b"127.0.0.1"), (LINE + b"hi", b"203.0.113.9")],
)
def test_a_plain_client_is_who_the_balancer_says(files, run, header, peer):
    async def play():
        world = World(files)
        async with world.listening():
            reader, writer = await world.connect(header)
            writer.write(b" there")
            assert await reader.readuntil(b"|") == peer + b"|"
            assert (await reader.readuntil(b"there")).endswith(b" there")
            assert world.counts == []
            writer.close()

    run(play())


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("header", [LINE, BINARY])
def test_tls_begins_behind_the_header(files, run, header, together):
    """Also when the first bytes of TLS came along with it."""

    async def play():
        world = World(files)
        context = ssl.create_default_context(cafile=files.authority)
        async with world.listening(tls=True):
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = context.wrap_bio(incoming, outgoing, server_hostname="example.net")
            with pytest.raises(ssl.SSLWantReadError):
                client.do_handshake()
            hello = outgoing.read()
            reader, writer = await world.connect(header + hello if together else header)
            if not together:
                writer.write(hello)
            said = await _shake_hands_and_say(client, incoming, outgoing, reader, writer, b"secret")
            assert said == b"203.0.113.9|secret"
            [connection] = world.connections.open
            assert connection.channel_bindings()
            writer.close()

    run(play())


async def _shake_hands_and_say(client, incoming, outgoing, reader, writer, words):
    said = b""
    told = False
    while not said.endswith(words):
        try:
            if not told:
                client.do_handshake()
                client.write(words)
                told = True
            said += client.read()
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
    return said


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"<?xml version='1.0'?><stream:stream to='example.net'>", "malformed"),
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 65536\r\n", "malformed"),
        (SIGNATURE + b"\x21\x41\0\x0c" + bytes(12), "malformed"),
        (LINE[:20], "missing"),
        (BINARY[:20], "missing"),
        (b"", "missing"),
    ],
)
def test_who_does_not_introduce_the_client_is_closed(files, run, tls, said, reason):
    async def play():
        world = World(files, seconds=0.2)
        async with world.listening(tls=tls):
            reader, _writer = await world.connect(said)
            assert await _end(reader) == b""
            assert world.counts == [("streams_refused", f"proxy-{reason}")]
            assert not world.connections.open

    run(play())


async def _end(reader):
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


def test_who_hangs_up_first_is_counted_too(files, run):
    async def play():
        world = World(files)
        async with world.listening():
            reader, writer = await world.connect(LINE[:20])
            writer.write_eof()
            assert await _end(reader) == b""
            assert world.counts == [("streams_refused", "proxy-missing")]

    run(play())


def test_who_comes_from_elsewhere_may_not_speak_it(files, run):
    async def play():
        world = World(files, networks="192.0.2.0/24")
        async with world.listening():
            reader, _writer = await world.connect(LINE)
            assert await _end(reader) == b""
            assert world.counts == [("streams_refused", "proxy-from-elsewhere")]

    run(play())


def test_an_address_of_version_4_counts_as_such_on_a_port_for_both(files, run):
    async def play():
        world = World(files)
        async with world.listening(host="::"):
            reader, _writer = await world.connect(LOCAL)
            assert (await reader.readuntil(b"|")).endswith(b"127.0.0.1|")
            assert world.counts == []

    run(play())


def test_those_who_have_not_introduced_themselves_are_bounded(files, run):
    async def play():
        world = World(files, most=2)
        async with world.listening():
            waiting = [await world.connect(b"PROXY ") for _ in range(2)]
            reader, _writer = await world.connect(LINE)
            assert await _end(reader) == b""
            assert world.counts == [("streams_refused", "too-many-unauthenticated")]
            waiting[0][1].write(LINE[6:])
            assert await waiting[0][0].readuntil(b"|") == b"203.0.113.9|"

    run(play())


def test_no_tls_behind_the_header(files, run):
    async def play():
        world = World(files)
        async with world.listening(tls=True):
            reader, _writer = await world.connect(LINE + b"<?xml version='1.0'?><stream:stream>")
            assert b"203.0.113.9" not in await _end(reader)
            assert not world.connections.open

    run(play())


def test_a_closed_listener_takes_nobody_and_forgets_who_waits(files, run):
    async def play():
        world = World(files)
        async with world.listening():
            reader, _writer = await world.connect(b"PROXY ")
            taken, writer = await world.connect(LINE)
            await taken.readuntil(b"|")
            [server] = world.listeners._servers
            assert server.is_serving()
            await world.listeners.close()
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", world.port)
            assert await _end(reader) == b""
            writer.write(b"still here")
            assert await taken.readexactly(10) == b"still here"
            assert not server.is_serving()
            writer.close()
            world.listeners = Listeners(world.connections, "127.0.0.1", tls_handshake_seconds=5)

    run(play())


def test_when_no_connection_can_be_accepted_it_tries_again(files, run, monkeypatch):
    """As without file descriptors."""
    monkeypatch.setattr("roost.net.proxied._PAUSE_SECONDS", 0.01)

    async def play():
        world = World(files)
        loop = asyncio.get_running_loop()
        failures = iter([OSError("too many open files")])
        accept = socket.socket.accept

        def failing(sock):
            for failure in failures:
                raise failure
            return accept(sock)

        monkeypatch.setattr(socket.socket, "accept", failing)
        async with world.listening():
            reader, _writer = await world.connect(LINE)
            assert await reader.readuntil(b"|") == b"203.0.113.9|"
        assert loop.is_running()

    with captured() as lines:
        run(play())
    assert [line["reason"] for line in lines if line["log_level"] == "error"] == ["too many open files"]
