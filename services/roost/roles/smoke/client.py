"""A client that does the least there is to do: log in, be there, say something, hear something."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from roost.protocol import namespaces as ns
from roost.protocol import sasl
from roost.protocol.errors import SaslFailure
from roost.protocol.framing import Framer, Nonza, StreamEnd, StreamFailure, StreamHeader
from roost.protocol.restricted import Limits
from roost.protocol.scram import HASHES
from roost.protocol.scram_client import ScramClient
from roost.protocol.stanza import Stanza
from roost.protocol.xml import Element, child, escape_attribute, escape_text

_ALPN = "xmpp-client"  # XEP-0368 section 4
# PROXY protocol version 1: "the connection is what it is"; a balancer says this in its own health checks
_PROXY_HEADER = b"PROXY UNKNOWN\r\n"
_READ_BYTES = 65_536
_RESOURCE = "smoke"


class Unfit(Exception):  # noqa: N818 - what was found, not a bug
    """The server does not do what it should; the text is a whole sentence."""


class Unreachable(Unfit):
    """Nothing answers there, or not yet."""


@dataclass(frozen=True, slots=True)
class Door:
    """A port of the server, and how one enters."""

    host: str
    port: int
    direct_tls: bool
    proxy_protocol: bool

    def __str__(self) -> str:
        return f"{self.host} port {self.port}"


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in."""

    name: str
    domain: str
    password: str

    @property
    def bare(self) -> str:
        """The account's address."""
        return f"{self.name}@{self.domain}"


def trust(ca: Path | None, certificate: Path | None) -> ssl.SSLContext:
    """TLS that trusts the CA, or that very certificate, or without either what the system trusts.

    Raises Unfit.
    """
    file = ca or certificate
    try:
        context = ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        raise Unfit(f"{file} holds no certificate.") from None
    except OSError as error:
        raise Unfit(f"{file} cannot be read: {error.strerror}.") from None
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate may be its own anchor
    context.set_alpn_protocols([_ALPN])
    return context


class Visitor:
    """One connection of one account."""

    def __init__(self, door: Door, account: Account, tls: ssl.SSLContext | None) -> None:
        """Connects nothing yet; `tls` None: log in without."""
        self._door = door
        self._account = account
        self._tls = tls
        self._framer = Framer(Limits())
        self._arrived: deque[Stanza | Nonza] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._inside = False

    async def enter(self) -> None:
        """Connect, log in and bind a resource; raises Unfit."""
        try:
            await self._connect()
            await self._log_in()
            self._inside = True
        except ssl.SSLCertVerificationError as error:
            raise Unfit(
                f"{self._door} shows a certificate that is not right: {error.verify_message}."
            ) from error
        except OSError as error:
            raise Unreachable(f"{self._door} cannot be reached: {error}.") from error
        except SaslFailure as failure:
            raise Unfit(
                f"{self._door} does not log {self._account.bare} in: {failure.text or failure.condition}."
            ) from failure

    async def appear(self) -> None:
        """Become available, and wait until one's own presence has come back (RFC 6121 section 4.2.2)."""
        self._send("<presence/>")
        await self._until(
            lambda one: isinstance(one, Stanza) and one.kind == "presence" and one.type is None,
            "hear of its own presence",
        )

    def say(self, to: str, id: str, body: str) -> None:
        """Send a message."""
        self._send(
            f"<message type='chat' to='{escape_attribute(to)}' id='{id}'>"
            f"<body>{escape_text(body)}</body></message>"
        )

    async def hear(self, id: str) -> str:
        """Wait for that message; its body."""
        found = await self._until(
            lambda one: isinstance(one, Stanza) and one.kind == "message" and one.id == id, "get the message"
        )
        body = child(found.tree(), "body", ns.CLIENT)
        return (body.text if body is not None else None) or ""

    def leave(self) -> None:
        """Close the stream and the connection."""
        if self._inside:
            self._send("</stream:stream>")
        if self._writer is not None:
            self._writer.close()

    # --- the way in ---

    async def _connect(self) -> None:
        door = self._door
        self._reader, self._writer = await asyncio.open_connection(door.host, door.port)
        if door.proxy_protocol:
            self._writer.write(_PROXY_HEADER)
        if door.direct_tls:
            await self._start_tls()
        features = await self._open()
        if self._tls is not None and not door.direct_tls:
            if child(features, "starttls", ns.TLS) is None:
                raise Unfit(f"{door} offers no TLS.")
            self._send(f"<starttls xmlns='{ns.TLS}'/>")
            await self._until(_named(ns.TLS, "proceed"), "begin TLS")
            await self._start_tls()
            features = await self._open()
        self._features = features

    async def _start_tls(self) -> None:
        assert self._tls is not None
        assert self._writer is not None
        await self._writer.start_tls(self._tls, server_hostname=self._account.domain)

    async def _open(self) -> Element:
        """Open a stream, anew after TLS and SASL; the features that are offered."""
        self._framer.restart()
        self._send(
            f"<?xml version='1.0'?><stream:stream to='{self._account.domain}' xmlns='{ns.CLIENT}'"
            f" xmlns:stream='{ns.STREAMS}' version='1.0'>"
        )
        return (await self._until(_named(ns.STREAMS, "features"), "offer features")).tree()

    async def _log_in(self) -> None:
        offered = [one.text for one in self._features.iter(f"{{{ns.SASL}}}mechanism")]
        mechanism = next((name for name in HASHES if name in offered), None)
        if mechanism is None:
            raise Unfit(f"{self._door} offers no SCRAM, but {', '.join(map(str, offered)) or 'nothing'}.")
        exchange = ScramClient(mechanism, self._account.name, self._account.password)
        self._send(
            f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{_encoded(exchange.first())}</auth>",
        )
        final = await asyncio.to_thread(exchange.final, await self._sasl("challenge"))
        self._send(f"<response xmlns='{ns.SASL}'>{_encoded(final)}</response>")
        exchange.check(await self._sasl("success"))
        await self._open()
        await self._bind()

    async def _sasl(self, wanted: str) -> bytes:
        """The next SASL element's data; raises SaslFailure when it is not the one that is `wanted`."""
        answer = await self._until(
            lambda one: isinstance(one, Nonza) and one.name.startswith(f"{ns.SASL}}}"), "answer a login"
        )
        tree = answer.tree()
        if not tree.tag.endswith(f"}}{wanted}"):
            raise SaslFailure(tree[0].tag.partition("}")[2] if len(tree) else tree.tag)
        return sasl.decode(tree.text) or b""

    async def _bind(self) -> None:
        self._send(
            f"<iq type='set' id='bind'><bind xmlns='{ns.BIND}'><resource>{_RESOURCE}</resource></bind></iq>"
        )
        answer = await self._until(
            lambda one: isinstance(one, Stanza) and one.id == "bind", "bind a resource"
        )
        assert isinstance(answer, Stanza)
        if answer.type != "result":
            raise Unfit(f"{self._door} binds no resource for {self._account.bare}.")

    # --- bytes ---

    def _send(self, text: str) -> None:
        assert self._writer is not None
        self._writer.write(text.encode())

    async def _until(self, wanted: Callable[[Stanza | Nonza], bool], what: str) -> Stanza | Nonza:
        """The next that is `wanted`; what comes before it is dropped. Raises Unfit when the stream ends."""
        while True:
            while self._arrived:
                one = self._arrived.popleft()
                if wanted(one):
                    return one
            await self._read(what)

    async def _read(self, what: str) -> None:
        data = await self._reader.read(_READ_BYTES)
        if not data:
            raise Unfit(f"{self._door} closed the connection instead of letting a client {what}.")
        for event in self._framer.feed(data):
            if isinstance(event, (StreamEnd, StreamFailure)):
                raise Unfit(f"{self._door} closed the stream instead of letting a client {what}.")
            if not isinstance(event, StreamHeader):
                _unless_error(event, self._door)
                self._arrived.append(event)


def _named(namespace: str, name: str) -> Callable[[Stanza | Nonza], bool]:
    return lambda one: isinstance(one, Nonza) and one.name == f"{namespace}}}{name}"


def _unless_error(one: Stanza | Nonza, door: Door) -> None:
    """Raise Unfit for a stream error (RFC 6120 section 4.9)."""
    if isinstance(one, Nonza) and one.name == f"{ns.STREAMS}}}error":
        raise Unfit(f"{door} ended the stream with {one.tree()[0].tag.partition('}')[2]}.")


def _encoded(data: bytes) -> str:
    return sasl.Challenge(data).encoded().decode()
