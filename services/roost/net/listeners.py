"""Listening sockets: shared by processes of one machine (SO_REUSEPORT) or a process's own."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from roost.net.proxied import Balancers, ProxiedServer
from roost.net.tcp import Connection, Connections

_BACKLOG = 4096
_LAST_SECONDS = 0.5  # for the TLS of those that come last; less than any step of a process's end has


class Listeners:
    """All ports that clients connect to."""

    def __init__(
        self,
        connections: Connections,
        host: str,
        *,
        tls_handshake_seconds: float,
        balancers: Balancers | None = None,
    ) -> None:
        """`host` is the address to listen on; with `balancers` only they may connect, and must introduce
        their clients by the PROXY protocol."""
        self._connections = connections
        self._host = host
        self._handshake = tls_handshake_seconds
        self._balancers = balancers
        self._servers: list[asyncio.Server | ProxiedServer] = []
        self._doors: list[_Door] = []

    async def starttls(self, port: int, *, shared: bool) -> None:
        """Listen for TCP with STARTTLS; raises OSError."""
        await self._listen(self._connections.plain, port, shared=shared, direct=False)

    async def direct_tls(self, port: int, *, shared: bool) -> None:
        """Listen for TLS from the first byte (XEP-0368); raises OSError."""
        await self._listen(self._connections.direct, port, shared=shared, direct=True)

    @property
    def trouble(self) -> str | None:
        """What is wrong, for those who ask whether this process is ready."""
        return None if any(server.is_serving() for server in self._servers) else "no port is open"

    async def close(self) -> None:
        """Take no new connections but those that the kernel has made already: closing would reset them.

        Returns when those have a stream, and so take part in what follows.
        """
        for server in self._servers:
            server.close()
        await asyncio.gather(*(door.take_the_last() for door in self._doors))

    async def _listen(
        self, make: Callable[[str], Connection], port: int, *, shared: bool, direct: bool
    ) -> None:
        tls = self._connections.tls
        sock = _socket(self._host, port, shared=shared)
        context = tls.context if direct and tls is not None else None
        if self._balancers is not None:
            proxied = ProxiedServer(self._connections, self._balancers, make, sock, context)
            proxied.start(_BACKLOG)
            self._servers.append(proxied)
            return
        self._doors.append(_Door(sock.dup(), partial(make, ""), context))
        server = await asyncio.get_running_loop().create_server(
            partial(make, ""),
            sock=sock,
            backlog=_BACKLOG,
            ssl=context,
            ssl_handshake_timeout=self._handshake if context is not None else None,
        )
        self._servers.append(server)


@dataclass(frozen=True, slots=True)
class _Door:
    """A listening socket a second time: what waits in it outlives the server that accepts from it."""

    sock: socket.socket
    make: Callable[[], Connection]
    context: ssl.SSLContext | None

    async def take_the_last(self) -> None:
        """Give those that wait to their protocols, then close the socket for good."""
        await asyncio.gather(*map(self._take, self._waiting()))

    async def _take(self, sock: socket.socket) -> None:
        seconds = _LAST_SECONDS if self.context is not None else None
        accept = asyncio.get_running_loop().connect_accepted_socket
        try:
            await accept(self.make, sock, ssl=self.context, ssl_handshake_timeout=seconds)
        except OSError:
            sock.close()  # gone, or no TLS: RFC 6120 section 5.4.3.2 has no word for it

    def _waiting(self) -> list[socket.socket]:
        waiting: list[socket.socket] = []
        self.sock.setblocking(False)
        with self.sock, suppress(OSError):  # nobody waits, or there is no descriptor left
            while len(waiting) < _BACKLOG:
                waiting.append(self.sock.accept()[0])
        return waiting


def _socket(host: str, port: int, *, shared: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {port} on {host} cannot be used: {error.strerror}") from error
    return sock
