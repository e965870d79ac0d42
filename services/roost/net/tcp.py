"""Client connections over TCP: plain, STARTTLS and direct TLS."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from roost.core.stream import ClientStream
from roost.core.wire import Wire
from roost.net import kernel
from roost.net.tls import ServerTls
from roost.protocol.errors import StreamError
from roost.runtime.figures import Count, Figures
from roost.runtime.logging import logger

_STATES = ("negotiating", "authenticated", "bound")
_TRANSPORTS = ("starttls", "direct-tls")
_log = logger("roost.connections")

_NONE = -1
_TURN_BYTES = 65_536  # for one client in one turn of the loop, before it is looked whether it can take more


@dataclass(slots=True, repr=False)
class Connections:
    """All client connections of this process, what they share, and their bounds."""

    make_stream: Callable[[Wire], ClientStream]
    tls: ServerTls | None
    unauthenticated_seconds: float
    close_seconds: float
    """How long a closed connection may take to send what was written."""
    idle_seconds: int
    write_buffer_bytes: int
    max_unauthenticated: int
    count: Count
    open: set[Connection] = field(default_factory=set)
    places: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many are in which state on which transport."""
    _dirty: list[Connection] = field(default_factory=list)
    _lost: asyncio.Event = field(default_factory=asyncio.Event)

    def direct(self, source: str = "") -> Connection:
        """A protocol for a direct TLS listener; `source` is the client's address if not the connection's."""
        return Connection(self, source, secure=True)

    def plain(self, source: str = "") -> Connection:
        """A protocol for a listener with STARTTLS; `source` as for `direct`."""
        return Connection(self, source, secure=False)

    def streams(self) -> list[ClientStream]:
        """The streams of all connections, as of now."""
        return [connection.stream for connection in self.open if connection.stream is not None]

    async def another_lost(self) -> None:
        """Wait until another connection is gone."""
        self._lost.clear()
        await self._lost.wait()

    async def watch_idle(self) -> None:
        """Ask the silent for a sign of life, and close those that give none, until cancelled.

        A space is enough of a question: to a client that is gone it brings TCP's own error back.
        """
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.idle_seconds / 4)
            now = loop.time()
            for connection in list(self.open):
                silent = now - connection.heard
                if silent > self.idle_seconds:
                    connection.stop(StreamError("connection-timeout"))
                elif silent > self.idle_seconds / 2:
                    connection.write(b" ")  # RFC 6120 section 4.6.1

    def leave(self, connection: Connection) -> None:
        """A connection is gone."""
        self.open.discard(connection)
        self._lost.set()

    @property
    def unauthenticated(self) -> int:
        """How many have not logged in."""
        return sum(self.places[_STATES[0], transport] for transport in _TRANSPORTS)

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "streams_open": lambda: {
                (state, transport): self.places[state, transport]
                for state in _STATES
                for transport in _TRANSPORTS
            },
        }

    def flush_later(self, connection: Connection) -> None:
        """Flush a connection's writes at the end of this loop turn, together with all others'."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._flush)
        self._dirty.append(connection)

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.flush()


class Connection(asyncio.Protocol):
    """One client's connection. Implements core.wire.Wire, and feeds a ClientStream."""

    __slots__ = (
        "_closing", "_deadline", "_descriptor", "_dirty", "_out", "_out_bytes", "_place", "_shared",
        "_source", "_transport", "_upgrading", "heard", "secure", "stream", "writable",
    )  # fmt: skip

    def __init__(self, shared: Connections, source: str = "", *, secure: bool) -> None:
        """`source` is the client's address where a balancer has told it; `secure` says that the transport
        does TLS from its first byte."""
        self._shared = shared
        self._source = source
        self._transport: asyncio.Transport | None = None
        self._descriptor = _NONE
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._dirty = False
        self._closing = False
        self._upgrading = False
        self._deadline: asyncio.TimerHandle | None = None
        self._place = (_STATES[0], _TRANSPORTS[secure])
        self.secure = secure
        self.writable = True
        self.heard = 0.0
        self.stream: ClientStream | None = None

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        shared = self._shared
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit it
        self._descriptor = self._socket().fileno()
        self.stream = shared.make_stream(self)
        shared.open.add(self)
        shared.places[self._place] += 1
        shared.count("streams_opened", self._place[1])
        loop = asyncio.get_running_loop()
        self.heard = loop.time()
        _log.debug("connection opened", address=self.peer, tls=self.tls_version)
        self._deadline = loop.call_later(shared.unauthenticated_seconds, self._login_overdue)
        if shared.unauthenticated > shared.max_unauthenticated:
            shared.count("streams_refused", "too-many-unauthenticated")
            self.stream.fail(StreamError("resource-constraint", "too many streams before login"))

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._closing or self.stream is None:
            return
        self.heard = asyncio.get_running_loop().time()
        self.stream.received(data)

    def eof_received(self) -> bool:
        """See asyncio.Protocol: the client has closed its side, so ours closes too."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._closing = True
        self._shared.leave(self)
        _log.debug("connection closed", address=self.peer, reason=str(exc or "end"))
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self.stream is not None:
            self._shared.places[self._place] -= 1
            self.stream.lost()
            self.stream = None
        self._descriptor = _NONE  # from now on it may be another connection's

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.writable = False

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.writable = True
        if self.stream is not None:
            self.stream.reads_again()

    def logged_in(self) -> None:
        """The client has authenticated: no deadline any more."""
        self._enter("authenticated")
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def bound(self) -> None:
        """See Wire."""
        self._enter("bound")

    def _enter(self, state: str) -> None:
        if self.stream is not None:  # else it was lost meanwhile, and counts no longer
            self._shared.places[self._place] -= 1
            self._place = (state, self._place[1])
            self._shared.places[self._place] += 1

    def _login_overdue(self) -> None:
        if self._upgrading:
            self.close()
        elif self.stream is not None and not self.stream.authenticated:
            self.stream.timed_out()

    # --- core.wire.Wire ---

    @property
    def peer(self) -> str:
        """See Wire."""
        if self._source:
            return self._source
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(name[0]) if name else ""

    @property
    def tls_version(self) -> str:
        """See Wire."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return "none" if tls is None else str(tls.version())

    @property
    def flushed(self) -> bool:
        """See Wire."""
        return self._handed_over and not kernel.unacknowledged(self._descriptor)

    def mark(self) -> int | None:
        """See Wire: all bytes that the kernel was ever given."""
        if not (self._handed_over and kernel.has_room(self._descriptor)):
            return None
        got = kernel.acknowledged(self._socket())
        return None if got is None else got + kernel.unacknowledged(self._descriptor)

    def passed(self, mark: int) -> bool:
        """See Wire."""
        got = kernel.acknowledged(self._socket()) if self._descriptor != _NONE else None
        return got is not None and got >= mark

    @property
    def _handed_over(self) -> bool:
        """Whether the kernel has all that was written, as far as the transport tells."""
        transport = self._transport
        if self._out or transport is None or self._descriptor == _NONE:
            return False
        return not transport.get_write_buffer_size()

    def _socket(self) -> kernel.Socket:
        assert self._transport is not None
        return cast(kernel.Socket, self._transport.get_extra_info("socket"))

    def channel_bindings(self) -> dict[str, bytes]:
        """See Wire."""
        if not self.secure or self._shared.tls is None or self._transport is None:
            return {}
        return self._shared.tls.bindings(self._transport.get_extra_info("ssl_object"))

    def write(self, data: bytes) -> None:
        """See Wire."""
        self._out.append(data)
        self._out_bytes += len(data)
        if not self._dirty:
            self._dirty = True
            self._shared.flush_later(self)
        if self._out_bytes > _TURN_BYTES:
            self._hand_over()  # so that whoever writes so much in one turn hears when it is enough

    def flush(self) -> None:
        """Hand what was written to the transport."""
        self._dirty = False
        self._hand_over()
        if not self.writable:
            self._check_backlog()

    def _hand_over(self) -> None:
        out, transport = self._out, self._transport
        self._out_bytes = 0
        if not out or transport is None or self._descriptor == _NONE or self._upgrading:
            out.clear()  # of one that was lost since, or in the midst of a handshake
            return
        transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()

    def _check_backlog(self) -> None:
        if self._transport is None or self._closing:
            return
        if self._transport.get_write_buffer_size() <= self._shared.write_buffer_bytes:
            return
        self._shared.count("streams_slow")
        if self.stream is not None:
            self.stream.fail(StreamError("policy-violation", "the client does not read"))

    def pause(self) -> None:
        """See Wire."""
        if self._transport is not None and not self._closing:
            self._transport.pause_reading()

    def resume(self) -> None:
        """See Wire."""
        if self._transport is not None and not self._closing:
            self._transport.resume_reading()

    async def start_tls(self) -> None:
        """See Wire."""
        assert self._transport is not None
        assert self._shared.tls is not None
        self.flush()
        plain = self._transport
        self._upgrading = True
        try:
            secured = await asyncio.get_running_loop().start_tls(
                plain,
                self,
                self._shared.tls.context,
                server_side=True,
                ssl_handshake_timeout=self._shared.unauthenticated_seconds,
            )
            if plain.is_closing():
                raise ConnectionAbortedError  # uvloop takes that for success
        except OSError as error:
            plain.abort()
            self.connection_lost(error)  # the loop tells only those whose handshake came to an end
            raise OSError(f"no TLS: {error}") from error
        finally:
            self._upgrading = False
        self._transport = secured
        self.secure = True

    def stop(self, error: StreamError) -> None:
        """See Wire."""
        if self.stream is not None:
            self.stream.fail(error)

    def close(self) -> None:
        """See Wire."""
        if self._closing or self._transport is None:
            return
        self._closing = True
        if self._upgrading:
            self._transport.abort()  # RFC 6120 section 5.4.3.2: TLS that fails ends without a word
            return
        self.flush()
        self._transport.close()
        if self._deadline is not None:
            self._deadline.cancel()
        # for one that reads nothing any more, or leaves TLS's own goodbye without an answer
        later = asyncio.get_running_loop().call_later
        self._deadline = later(self._shared.close_seconds, self._transport.abort)
