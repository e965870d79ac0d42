"""One connection with a stream on it: bytes out, stanzas and negotiation in (RFC 6120 sections 4 and 5)."""

from __future__ import annotations

import struct
from collections import deque
from typing import Any

from gevent import socket
from gevent.lock import BoundedSemaphore

from loadtest.xmpp.place import Address, Disconnected, Place
from roost.protocol import namespaces as ns
from roost.protocol.framing import Event, Framer, Nonza, StreamEnd, StreamFailure, StreamHeader
from roost.protocol.restricted import Limits
from roost.protocol.stanza import Stanza
from roost.protocol.xml import Element

_LIMITS = Limits(stanza_bytes=4 * 1024 * 1024, depth=100)  # a long roster is one stanza
_READ_BYTES = 16_384
_ERROR = f"{ns.STREAMS}}}error"
_FEATURES = f"{ns.STREAMS}}}features"
_PROCEED = f"{ns.TLS}}}proceed"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, no time: the peer gets a reset instead of an end


class Stream:
    """Sends and receives; used by one reader and by any number of senders."""

    __slots__ = ("_domain", "_events", "_framer", "_sending", "_socket", "features")

    def __init__(self, connected: Any, domain: str) -> None:
        """`connected` is a gevent socket, with or without TLS."""
        self._socket = connected
        self._domain = domain
        self._framer = Framer(_LIMITS)
        self._events: deque[Event] = deque()
        # a write to TLS that has to wait lets other greenlets run, which must not write in between
        self._sending = BoundedSemaphore(1)
        self.features: Element | None = None

    # --- to the server ---

    def send(self, data: bytes) -> None:
        """Send bytes; raises Disconnected."""
        try:
            with self._sending:
                self._socket.sendall(data)
        except OSError as error:
            raise Disconnected(_reason(error)) from None

    def close(self) -> None:
        """End the stream as a good client does (RFC 6120 section 4.4), without waiting for the other end."""
        try:
            self.send(b"</stream:stream>")
        except Disconnected:
            pass
        finally:
            self._socket.close()

    def cut(self) -> None:
        """Be gone without a word."""
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except OSError:
            pass  # it is gone already
        finally:
            self._socket.close()

    # --- from the server ---

    def receive(self) -> Stanza | Nonza:
        """The next stanza, or other child of the stream; raises Disconnected."""
        while True:
            while self._events:
                event = self._events.popleft()
                if isinstance(event, Stanza):
                    return event
                if isinstance(event, Nonza):
                    return _unless_error(event)
                if isinstance(event, StreamFailure):
                    raise Disconnected(f"not XMPP: {event.error}")
                if isinstance(event, StreamEnd):
                    raise Disconnected("closed by the server")
                assert isinstance(event, StreamHeader)
            self._fill()

    def expect(self, *names: str) -> Nonza:
        """The next child of the stream, which must have one of the names; raises Disconnected."""
        received = self.receive()
        if not isinstance(received, Nonza) or received.name not in names:
            raise Disconnected(f"not expected now: {received.raw[:100]!r}")
        return received

    def _fill(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except OSError as error:
            raise Disconnected(_reason(error)) from None
        if not data:
            raise Disconnected("cut off by the server")
        self._events.extend(self._framer.feed(data))

    # --- negotiation ---

    def open(self) -> Element:
        """Open the stream, anew after TLS and SASL; the features that are offered."""
        self._framer.restart()
        self.send(
            f"<?xml version='1.0'?><stream:stream to='{self._domain}' xmlns='{ns.CLIENT}' "
            f"xmlns:stream='{ns.STREAMS}' version='1.0'>".encode()
        )
        self.features = self.expect(_FEATURES).tree()
        return self.features

    def offers(self, name: str, namespace: str) -> bool:
        """Whether the last features hold that element."""
        return self.features is not None and self.features.find(f"{{{namespace}}}{name}") is not None

    def start_tls(self, context: Any) -> None:
        """Negotiate TLS on the open stream; open it anew afterwards. Raises Disconnected."""
        if not self.offers("starttls", ns.TLS):
            raise Disconnected("the server does not offer STARTTLS")
        self.send(f"<starttls xmlns='{ns.TLS}'/>".encode())
        self.expect(_PROCEED)
        self._socket = _wrapped(self._socket, context, self._domain)


def connect(place: Place, address: Address) -> Stream:
    """An open stream inside TLS; raises Disconnected."""
    try:
        plain = socket.create_connection((address.host, address.port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        raise Disconnected(_reason(error)) from None
    if address.direct:
        stream = Stream(_wrapped(plain, place.direct_context, place.domain), place.domain)
    else:
        stream = Stream(plain, place.domain)
    try:
        if not address.direct:
            stream.open()
            stream.start_tls(place.context)
        stream.open()
    except BaseException:
        stream.cut()
        raise
    return stream


def _wrapped(plain: Any, context: Any, domain: str) -> Any:
    try:
        return context.wrap_socket(plain, server_hostname=domain)
    except OSError as error:  # ssl's errors are some
        plain.close()
        raise Disconnected(_reason(error)) from None
    except BaseException:
        plain.close()
        raise


def _unless_error(received: Nonza) -> Nonza:
    if received.name == _ERROR:
        condition = next(iter(received.tree()), None)
        raise Disconnected("undefined-condition" if condition is None else condition.tag.rpartition("}")[2])
    return received


def _reason(error: OSError) -> str:
    """Without addresses and ports, so that a thousand of them are one line of a report."""
    return error.strerror or type(error).__name__
