"""Connections: deadlines, bounds, and writes that leave together."""

from __future__ import annotations

import asyncio
import socket

import pytest

from figures import told
from roost.net.tcp import Connections
from roost.net.tls import ServerTls
from roost.protocol.errors import StreamError
from roost.roles.up.certificates import provide


async def eventually(done):
    """Ask `done` once a turn until it says something true: the kernel sends no events of this kind."""
    async with asyncio.timeout(10):
        while True:
            if found := done():
                return found
            await asyncio.sleep(0)


class Stream:
    def __init__(self, wire):
        self.wire = wire
        self.authenticated = False
        self.failed = []
        self.said = asyncio.Event()
        self.got = []
        self.gone = asyncio.Event()
        self.resumed = asyncio.Event()
        self.flushed = None

    def received(self, data):
        self.got.append(data)
        self.said.set()

    def fail(self, error):
        self.failed.append(error.condition)
        self.wire.write(error.condition.encode())
        self.wire.close()

    def timed_out(self):
        self.fail(type("E", (), {"condition": "connection-timeout"}))

    def reads_again(self):
        self.resumed.set()

    def lost(self):
        self.flushed = self.wire.flushed
        self.gone.set()


class World:
    def __init__(self, **settings):
        self.streams = []
        self.counts = []
        known = {
            "unauthenticated_seconds": 5,
            "close_seconds": 0.2,
            "idle_seconds": 60,
            "write_buffer_bytes": 65536,
            "max_unauthenticated": 10,
            "tls": None,
        }
        self.connections = Connections(
            make_stream=self.make,
            count=lambda *what: self.counts.append(what),
            **(known | settings),
        )

    def make(self, wire):
        self.streams.append(Stream(wire))
        return self.streams[-1]

    async def dial(self):
        """`connect` over TCP, with a client that has little room."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self.connections.plain, "127.0.0.1", 0)
        theirs = socket.socket()
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        theirs.setblocking(False)
        await loop.sock_connect(theirs, server.sockets[0].getsockname())
        reader, writer = await asyncio.open_connection(sock=theirs)
        await eventually(lambda: self.streams)
        server.close()
        return reader, writer, self.streams[-1]

    async def connect(self):
        """A client's socket and the server's stream for it."""
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().connect_accepted_socket(self.connections.plain, ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        return reader, writer, self.streams[-1]


def test_who_does_not_log_in_is_closed(run):
    async def play():
        reader, _writer, stream = await World(unauthenticated_seconds=0.1).connect()
        assert await reader.read() == b"connection-timeout"
        assert stream.failed == ["connection-timeout"]

    run(play())


def test_who_logs_in_may_take_time(run):
    async def play():
        world = World(unauthenticated_seconds=0.05, idle_seconds=1)
        reader, _writer, stream = await world.connect()
        stream.authenticated = True
        stream.wire.logged_in()
        assert world.connections.unauthenticated == 0
        watch = asyncio.ensure_future(world.connections.watch_idle())
        assert await reader.readexactly(1) == b" "
        watch.cancel()
        assert stream.failed == []

    run(play())


def test_who_stays_silent_is_asked_and_then_closed(run):
    async def play():
        world = World(idle_seconds=0.2)
        reader, _writer, stream = await world.connect()
        stream.authenticated = True
        watch = asyncio.ensure_future(world.connections.watch_idle())
        said = await reader.read()
        watch.cancel()
        assert said.strip() == b"connection-timeout"
        assert said.startswith(b" ")

    run(play())


def test_a_space_is_a_sign_of_life(run):
    """RFC 6120 section 4.6.1: a client that answers each time is never closed."""

    async def play():
        world = World(idle_seconds=2)
        reader, writer, stream = await world.connect()
        stream.authenticated = True
        watch = asyncio.ensure_future(world.connections.watch_idle())
        for _ in range(3):
            assert await reader.readexactly(1) == b" "
            stream.said.clear()
            writer.write(b" ")
            await stream.said.wait()
        watch.cancel()
        assert stream.failed == []

    run(play())


def test_streams_before_login_are_bounded(run):
    async def play():
        world = World(max_unauthenticated=1)
        await world.connect()
        reader, _writer, _stream = await world.connect()
        assert await reader.read() == b"resource-constraint"
        assert ("streams_refused", "too-many-unauthenticated") in world.counts

    run(play())


def test_what_is_written_in_a_turn_leaves_in_order(run):
    async def play():
        reader, _writer, stream = await World().connect()
        for number in range(100):
            stream.wire.write(b"%d," % number)
        assert await reader.readuntil(b"99,") == b"".join(b"%d," % number for number in range(100))
        assert stream.wire.flushed

    run(play())


def test_a_client_that_does_not_read_is_closed_by_name(run):
    async def play():
        world = World()
        _reader, writer, stream = await world.connect()
        writer.transport.pause_reading()
        while not stream.failed:
            stream.wire.write(b"x" * 65536)
            await asyncio.sleep(0)
        assert stream.failed == ["policy-violation"]
        assert ("streams_slow",) in world.counts

    run(play())


def test_a_burst_in_one_turn_asks_for_a_pause_and_harms_nobody(run):
    """What waits for a client that may read the next moment comes at once when this process was held up."""

    async def play():
        reader, writer, stream = await World(write_buffer_bytes=1 << 20).dial()
        writer.transport.pause_reading()
        written = 0
        while stream.wire.writable:
            stream.wire.write(b"x" * 50_000)
            written += 50_000
            assert written < 100_000_000
        writer.transport.resume_reading()
        await reader.readexactly(written)
        await stream.resumed.wait()
        assert stream.failed == []

    run(play())


def test_a_client_that_reads_again_is_gone_on_with(run):
    async def play():
        reader, writer, stream = await World(write_buffer_bytes=1 << 24).connect()
        writer.transport.pause_reading()
        while stream.wire.writable:
            stream.wire.write(b"x" * 65536)
            await asyncio.sleep(0)
        writer.transport.resume_reading()
        drained = asyncio.ensure_future(reader.read(-1))
        await stream.resumed.wait()
        drained.cancel()

    run(play())


def test_the_end_is_heard_of(run):
    async def play():
        world = World()
        _reader, writer, stream = await world.connect()
        writer.write(b"hi")
        await stream.said.wait()
        writer.close()
        await stream.gone.wait()
        assert stream.got == [b"hi"]
        assert not world.connections.open
        assert world.connections.unauthenticated == 0

    run(play())


def open_streams(world):
    return {place: count for place, count in told(world.connections, "streams_open").items() if count}


def test_streams_are_counted_where_they_are(run):
    async def play():
        world = World()
        _reader, writer, stream = await world.connect()
        assert open_streams(world) == {("negotiating", "starttls"): 1}
        stream.wire.logged_in()
        assert open_streams(world) == {("authenticated", "starttls"): 1}
        stream.wire.bound()
        assert open_streams(world) == {("bound", "starttls"): 1}
        writer.close()
        await stream.gone.wait()
        assert open_streams(world) == {}
        assert world.counts == [("streams_opened", "starttls")]

    run(play())


def test_what_the_clients_machine_has_got_has_passed(run):
    async def play():
        reader, writer, stream = await World(write_buffer_bytes=1 << 24).dial()
        wire = stream.wire
        assert wire.mark() == 0
        assert wire.flushed
        writer.transport.pause_reading()
        wire.write(b"x" * 65536)  # more than the client has room for, and less than the kernel
        assert wire.mark() is None  # it has not left us yet
        mark = await eventually(wire.mark)
        assert not wire.flushed
        assert not wire.passed(mark)
        wire.write(b"more")
        writer.transport.resume_reading()
        await reader.readexactly(65536 + 4)
        await eventually(lambda: wire.flushed)
        assert wire.passed(mark)
        assert wire.passed(wire.mark())

    run(play())


def test_a_login_that_succeeds_when_its_client_has_left_counts_for_nothing(run):
    """Else each would make room for one stream more that has not logged in."""

    async def play():
        world = World()
        _reader, writer, stream = await world.connect()
        writer.close()
        await stream.gone.wait()
        stream.wire.logged_in()
        stream.wire.bound()
        assert world.connections.unauthenticated == 0
        assert open_streams(world) == {}

    run(play())


@pytest.mark.parametrize("reads", [True, False])
def test_when_a_connection_is_lost_it_is_known_whether_everything_had_arrived(run, reads):
    async def play():
        reader, writer, stream = await World(write_buffer_bytes=1 << 24).dial()
        if not reads:
            writer.transport.pause_reading()
        stream.wire.write(b"x" * 65536)
        if reads:
            await reader.readexactly(65536)
            await eventually(lambda: stream.wire.flushed)
        else:
            await eventually(stream.wire.mark)
        writer.transport.abort()
        await stream.gone.wait()
        assert stream.flushed == reads
        assert not stream.wire.flushed  # nobody can tell any more
        assert not stream.wire.passed(0)

    run(play())


def test_a_closed_connection_that_is_not_read_is_cut(run):
    async def play():
        world = World(close_seconds=0.05, write_buffer_bytes=1 << 24)
        _reader, writer, stream = await world.dial()
        writer.transport.pause_reading()
        stream.wire.write(bytes(1 << 23))
        stream.wire.close()
        waiting = asyncio.ensure_future(world.connections.another_lost())
        await stream.gone.wait()
        await waiting
        assert world.connections.streams() == []

    run(play())


@pytest.fixture
def upgrading(tmp_path):
    """Makes a client that has been told to proceed with TLS and has not begun, and the server's part."""
    files = provide(tmp_path, "example.net")

    async def begun():
        world = World(tls=ServerTls(files.certificate, files.key))
        reader, writer, stream = await world.connect()
        handshake = asyncio.ensure_future(stream.wire.start_tls())
        await asyncio.sleep(0)
        return world, reader, writer, stream, handshake

    return begun


def test_who_is_stopped_during_a_handshake_hears_nothing_in_the_clear(upgrading, run):
    """RFC 6120 section 5.4.3.2: TLS that does not come about ends without a word."""

    async def play():
        world, reader, _writer, stream, handshake = await upgrading()
        stream.wire.stop(StreamError("system-shutdown"))
        assert await reader.read() == b""
        with pytest.raises(OSError, match="no TLS"):
            await handshake
        assert not world.connections.open
        assert stream.gone.is_set()

    run(play())


def test_a_sign_of_life_is_not_asked_for_during_a_handshake(upgrading, run):
    async def play():
        _world, reader, writer, stream, handshake = await upgrading()
        stream.wire.write(b" ")
        await asyncio.sleep(0)
        writer.write(b"no TLS record")
        said = await reader.read()
        assert said[:1] in {b"", b"\x15"}  # an alert of TLS, if anything
        with pytest.raises(OSError, match="no TLS"):
            await handshake

    run(play())


def test_what_is_written_to_who_has_left_meanwhile_harms_nobody_else(run):
    async def play():
        world = World(unauthenticated_seconds=600)
        _reader, writer, gone = await world.dial()
        reader, _writer, stream = await world.connect()
        writer.transport.abort()
        await gone.gone.wait()
        await asyncio.sleep(0)
        gone.wire.write(b"too late")
        stream.wire.write(b"in time")
        assert await reader.readexactly(7) == b"in time"

    run(play())
