"""A client that says exactly what a play tells it to, and shows what it hears."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar

from lxml import etree
from lxml.etree import _Element as Element

from roost.protocol import namespaces as ns

Wanted = Callable[[Element], bool]
DEADLINE = 10  # seconds until something that is expected must have come
_RECEIVE_BYTES = 262_144
_ids = itertools.count()
on_stage: ContextVar[list[Client]] = ContextVar("on_stage")
"""The clients of the play that runs now; its end closes them."""


async def _connected(port: int) -> socket.socket:
    """A connection whose kernel keeps little for one that does not read; by itself it keeps megabytes."""
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BYTES)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return sock


class Client:
    """One connection. Reads only when something is expected, so it can also be a client that does not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, domain: str) -> None:
        self.reader = reader
        self.writer = writer
        self.domain = domain
        self.jid = ""
        self.context: ssl.SSLContext | None = None
        self.features: Element | None = None
        self.arrived: list[Element] = []
        """What has come and nobody has expected yet."""
        self.ended = False
        """Whether the server has closed its stream with a closing tag."""
        self._parser: etree.XMLPullParser | None = None
        self._depth = 0
        on_stage.get().append(self)

    @classmethod
    async def connect(
        cls, port: int, domain: str, ca_file: str, *, tls: bool = False, introduction: bytes = b""
    ) -> Client:
        """Connect to a port of this machine, with TLS from the first byte if asked (XEP-0368).

        `introduction` is what a balancer would send before all else.
        """
        context = ssl.create_default_context(cafile=ca_file)
        if tls:
            context.set_alpn_protocols(["xmpp-client"])
        reader, writer = await asyncio.open_connection(sock=await _connected(port))
        writer.write(introduction)
        if tls:
            await writer.start_tls(context, server_hostname=domain)
        client = cls(reader, writer, domain)
        client.context = context
        return client

    # --- to the server ---

    def send(self, text: str | bytes) -> None:
        """Send this and nothing else."""
        self.writer.write(text.encode() if isinstance(text, str) else text)

    async def open(self, to: str | None = None) -> Element:
        """Open a stream, anew after TLS and SASL; the features that are offered."""
        self.expect_new_stream()
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{to or self.domain}' xmlns='{ns.CLIENT}'"
            f" xmlns:stream='{ns.STREAMS}' version='1.0'>"
        )
        self.features = await self.expect(lambda one: one.tag == f"{{{ns.STREAMS}}}features")
        return self.features

    def expect_new_stream(self) -> None:
        """What the server sends from now on is a new stream."""
        self._parser = None
        self._depth = 0

    async def start_tls(self) -> None:
        """Negotiate TLS on an open plain stream (RFC 6120 section 5); open it anew afterwards."""
        self.send(f"<starttls xmlns='{ns.TLS}'/>")
        await self.expect(lambda one: one.tag == f"{{{ns.TLS}}}proceed")
        assert self.context is not None
        await self.writer.start_tls(self.context, server_hostname=self.domain)

    async def ask(self, type: str, payload: str, to: str | None = None) -> Element:
        """Send an iq and wait for its answer, be it an error."""
        id = f"ask-{next(_ids)}"
        address = f" to='{to}'" if to else ""
        self.send(f"<iq type='{type}' id='{id}'{address}>{payload}</iq>")
        return await self.expect(
            lambda one: (
                one.tag == f"{{{ns.CLIENT}}}iq"
                and one.get("id") == id
                and one.get("type") in {"result", "error"}
            )
        )

    def message(self, to: str, body: str, type: str = "chat", id: str = "") -> None:
        """Send a message."""
        named = f" id='{id}'" if id else ""
        self.send(f"<message to='{to}' type='{type}'{named}><body>{body}</body></message>")

    def presence(self, type: str = "", to: str = "", status: str = "", priority: int | None = None) -> None:
        """Send presence of any type; without one, available."""
        attributes = "".join(f" {name}='{value}'" for name, value in (("type", type), ("to", to)) if value)
        children = f"<status>{status}</status>" if status else ""
        if priority is not None:
            children += f"<priority>{priority}</priority>"
        self.send(f"<presence{attributes}>{children}</presence>")

    async def close(self) -> None:
        """Close the stream as a good client does (RFC 6120 section 4.4), until the server has too."""
        self.send("</stream:stream>")
        await self.expect_end()

    def vanish(self) -> None:
        """Cut the connection without a word."""
        self.writer.transport.abort()

    # --- from the server ---

    async def expect(self, wanted: Wanted, within: float = DEADLINE) -> Element:
        """The first stanza not taken yet that is `wanted`; fails after `within` seconds without."""
        try:
            async with asyncio.timeout(within):
                while True:
                    for i, stanza in enumerate(self.arrived):
                        if wanted(stanza):
                            return self.arrived.pop(i)
                    if not await self._read():
                        raise AssertionError(f"{self} was closed before it heard {wanted}; {self.heard()}")
        except TimeoutError:
            raise AssertionError(f"{self} has not heard {wanted}; {self.heard()}") from None

    async def expect_end(self, within: float = DEADLINE) -> None:
        """Wait until the server has closed both its stream and the connection."""
        async with asyncio.timeout(within):
            while await self._read():
                pass
        assert self.ended, f"{self} was cut off without a closing tag; {self.heard()}"

    async def settle(self) -> list[Element]:
        """All that has come before the answer to a ping that is sent now; takes them."""
        answer = await self.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
        assert answer.get("type") == "result"
        taken, self.arrived = self.arrived, []
        return taken

    async def expect_nothing(self, unwanted: Wanted = lambda _one: True) -> None:
        """Fail when something `unwanted` comes before the answer to a ping that is sent now."""
        found = [one for one in await self.settle() if unwanted(one)]
        assert not found, f"{self} heard what it should not: {_shown(found)}"

    def heard(self) -> str:
        """What has come and was not expected, to show."""
        return f"but it heard {_shown(self.arrived)}"

    async def _read(self) -> bool:
        """Read some more; False when the server has closed the connection."""
        try:
            data = await self.reader.read(65536)
        except ConnectionError:
            return False
        if self._parser is None:
            self._parser = etree.XMLPullParser(("start", "end"))
        if data:
            self._parser.feed(data)
        for event, element in self._parser.read_events():
            self._depth += 1 if event == "start" else -1
            if event == "end" and self._depth == 1:
                self.arrived.append(element)
            elif self._depth == 0:
                self.ended = True
        return bool(data)

    def __str__(self) -> str:
        return self.jid or "the client"


def _shown(stanzas: list[Element]) -> str:
    return ", ".join(etree.tostring(one).decode() for one in stanzas) or "nothing"
