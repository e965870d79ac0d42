"""Ports behind a balancer that speaks the PROXY protocol: its header is read before anything else.

The header is read from the bare socket, and not one byte more; what follows, be it TLS or XML, is still
there for the transport that takes the socket over.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address

from roost.net.tcp import Connection, Connections
from roost.protocol.proxy import ProxyMalformed, ProxyReader, plain_address
from roost.runtime.logging import logger
from roost.runtime.tasks import OwnedTasks

_PAUSE_SECONDS = 1.0  # when no connection can be accepted, as without file descriptors
_log = logger(__name__)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Balancers:
    """Who may speak the PROXY protocol here, and must."""

    networks: Sequence[Network]
    on_bug: Callable[[str, BaseException], None]

    def include(self, address: str) -> bool:
        """Whether an address is one of theirs."""
        known = ip_address(plain_address(ip_address(address.partition("%")[0])))
        return any(known in network for network in self.networks)


class ProxiedServer:
    """One listening socket; to be closed as an asyncio.Server is."""

    def __init__(
        self,
        connections: Connections,
        balancers: Balancers,
        make: Callable[[str], Connection],
        sock: socket.socket,
        context: ssl.SSLContext | None,
    ) -> None:
        """`make` gives a protocol for the client of that address, `context` is for direct TLS."""
        self._connections = connections
        self._balancers = balancers
        self._make = make
        self._sock = sock
        self._context = context
        self._tasks = OwnedTasks(balancers.on_bug)
        self._introductions = 0
        self._accepting: asyncio.Task[None] | None = None

    def start(self, backlog: int) -> None:
        """Listen; raises OSError."""
        self._sock.listen(backlog)
        self._sock.setblocking(False)
        self._accepting = self._tasks.spawn(self._accept())

    def is_serving(self) -> bool:
        """Whether connections are accepted."""
        return self._accepting is not None and not self._accepting.done()

    def close(self) -> None:
        """Take no new connections; those that have not introduced themselves are closed."""
        self._tasks.cancel()
        self._sock.shutdown(socket.SHUT_RDWR)  # at once; it is closed when nobody waits on it any more

    async def _accept(self) -> None:
        with self._sock:
            while True:
                try:
                    sock, address = await asyncio.get_running_loop().sock_accept(self._sock)
                except OSError as error:
                    _log.error("no connection can be accepted", reason=str(error))
                    await asyncio.sleep(_PAUSE_SECONDS)
                else:
                    self._tasks.spawn(self._introduced(sock, address[0]))

    async def _introduced(self, sock: socket.socket, address: str) -> None:
        """Give a connection to its protocol, or close it and count why."""
        self._introductions += 1
        try:
            source = await self._introduction(sock, address)
        except _Refused as refused:
            self._connections.count("streams_refused", str(refused))
            sock.close()
        except BaseException:
            sock.close()
            raise
        else:
            await self._hand_over(sock, source)
        finally:
            self._introductions -= 1

    async def _introduction(self, sock: socket.socket, address: str) -> str:
        """The client's address; raises _Refused."""
        waiting = self._introductions + self._connections.unauthenticated
        if waiting > self._connections.max_unauthenticated:
            raise _Refused("too-many-unauthenticated")
        if not self._balancers.include(address):
            raise _Refused("proxy-from-elsewhere")
        try:
            async with asyncio.timeout(self._connections.unauthenticated_seconds):
                return await _header(sock) or address
        except ProxyMalformed as error:
            raise _Refused("proxy-malformed") from error
        except OSError as error:  # its time being over is one
            raise _Refused("proxy-missing") from error

    async def _hand_over(self, sock: socket.socket, source: str) -> None:
        seconds = self._connections.unauthenticated_seconds if self._context is not None else None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().connect_accepted_socket(
                partial(self._make, source), sock, ssl=self._context, ssl_handshake_timeout=seconds
            )
        except OSError:
            sock.close()  # gone, or no TLS: RFC 6120 section 5.4.3.2 has no word for it


class _Refused(Exception):  # noqa: N818 - says why
    """Why a connection is not taken."""


async def _header(sock: socket.socket) -> str | None:
    """Read the header and nothing behind it; raises ProxyMalformed, OSError."""
    reader, loop = ProxyReader(), asyncio.get_running_loop()
    while reader.wanted:
        data = await loop.sock_recv(sock, reader.wanted)
        if not data:
            raise ConnectionAbortedError
        reader.feed(data)
    return reader.source
