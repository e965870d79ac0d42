"""A client that is cheap: it logs in with care and then counts bytes."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache

_HEADER = (
    "<?xml version='1.0'?><stream:stream to='{}' xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
_SECONDS = 60
_PER_ADDRESS = 20_000  # connections from one local address: its ports are finite

OnBytes = Callable[["Client", bytes], None]


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load: its domain and where its processes listen; clients take the ports in turn."""

    domain: str
    ports: Sequence[int]
    tls: bool = False
    """Direct TLS."""
    session: bool = False
    """Whether it wants the session of RFC 3921."""
    prefix: str = "load"
    """What its accounts' names begin with."""


class Client(asyncio.Protocol):
    """One connection of one user."""

    def __init__(self, number: int, target: Target) -> None:
        self.number = number
        self.target = target
        self.user = f"{target.prefix}{number}"
        self.jid = ""
        self.lost = False
        self.sent_at = 0.0
        self.out = b""
        self.tail = b""
        self.on_bytes: OnBytes | None = None
        self._read = b""
        self._waiting: tuple[tuple[bytes, ...], asyncio.Future[bytes]] | None = None

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self.on_bytes is not None:
            self.on_bytes(self, data)
            return
        self._read += data
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.lost = True
        if self._waiting is not None and not self._waiting[1].done():
            self._waiting[1].set_exception(ConnectionError(f"{self.user} was cut off: {self._read[-300:]!r}"))

    # --- conversation ---

    def send(self, text: str) -> None:
        """Send text."""
        self.transport.write(text.encode())

    async def until(self, *needles: bytes) -> bytes:
        """Read until one of the needles; everything read so far."""
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting = (needles, future)
        self._look()
        return await asyncio.wait_for(future, _SECONDS)

    def _look(self) -> None:
        if self._waiting is None or self._waiting[1].done():
            return
        if any(needle in self._read for needle in self._waiting[0]):
            read, self._read = self._read, b""
            self._waiting[1].set_result(read)

    async def open(self) -> None:
        """Open a stream, or open it anew."""
        self.send(_HEADER.format(self.target.domain))
        await self.until(b"</stream:features>")

    async def register(self) -> None:
        """Make this user's account, unless it exists."""
        await self.open()
        self.send(
            "<iq type='set' id='r1'><query xmlns='jabber:iq:register'>"
            f"<username>{self.user}</username><password>pw-{self.user}</password></query></iq>"
        )
        answer = await self.until(b"result", b"</iq>")
        self.transport.close()
        if b"result" not in answer and b"conflict" not in answer:
            raise ConnectionError(f"{self.user} cannot register: {answer!r}")

    async def login(self) -> None:
        """Authenticate with PLAIN, bind, and become available."""
        await self.open()
        token = base64.b64encode(f"\0{self.user}\0pw-{self.user}".encode()).decode()
        self.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{token}</auth>")
        answer = await self.until(b"<success", b"<failure")
        if b"<success" not in answer:
            raise ConnectionError(f"{self.user} cannot log in: {answer!r}")
        await self.open()
        self.send(
            "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
            "<resource>load</resource></bind></iq>"
        )
        bound = re.search(rb"<jid>([^<]+)</jid>", await self.until(b"</iq>"))
        assert bound is not None
        self.jid = bound[1].decode()
        if self.target.session:
            self.send("<iq type='set' id='s1'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>")
            await self.until(b"'s1'", b'"s1"')
        self.send("<presence/>")
        await self.settle()

    async def settle(self) -> None:
        """Wait until all that was sent so far has been worked on."""
        self.send("<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>")
        await self.until(b"'p1'", b'"p1"')


async def connect(number: int, target: Target) -> Client:
    """One more connection."""
    _transport, client = await asyncio.get_running_loop().create_connection(
        lambda: Client(number, target),
        "127.0.0.1",
        target.ports[number % len(target.ports)],
        local_addr=(f"127.0.0.{2 + number // _PER_ADDRESS}", 0),
        ssl=_trusting() if target.tls else None,
        server_hostname=target.domain if target.tls else None,
    )
    return client


@cache
def _trusting() -> ssl.SSLContext:
    """TLS to whoever answers; one for all, because each would read the system's certificates anew."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def many(
    target: Target,
    count: int,
    work: Callable[[Client], Awaitable[None]],
    *,
    first: int = 0,
    at_once: int = 50,
) -> list[Client]:
    """`count` clients on which `work` was done, `at_once` at a time."""
    places = asyncio.Semaphore(at_once)

    async def one(number: int) -> Client:
        async with places:
            client = await connect(number, target)
            await work(client)
            return client

    return list(await asyncio.gather(*(one(number) for number in range(first, first + count))))


def part(clients: Sequence[Client]) -> None:
    """Cut all connections."""
    for client in clients:
        client.on_bytes = None
        client.transport.abort()
