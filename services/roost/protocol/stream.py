"""What is said of a stream itself: its header, its limits, its resource, its errors and its end."""

from __future__ import annotations

import secrets

from roost.protocol import namespaces as ns
from roost.protocol.errors import JidMalformed, StanzaError, StreamError
from roost.protocol.jid import Jid, prepare_resource
from roost.protocol.restricted import Limits
from roost.protocol.stanza import Stanza
from roost.protocol.xml import Element, child, element, escape_attribute, serialise

FOOTER = b"</stream:stream>"


def header(domain: str, to: str = "") -> bytes:
    """The opening tag of a stream from `domain` with an id of its own (RFC 6120 section 4.7).

    `to` is the bare JID that the client's header was from, if it was from anybody (section 4.7.2).
    """
    addressed = f" to='{escape_attribute(to)}'" if to else ""
    return (
        f"<?xml version='1.0'?><stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}'"
        f" id='{secrets.token_hex(8)}' from='{escape_attribute(domain)}'{addressed}"
        " version='1.0' xml:lang='en'>"
    ).encode()


def failure(error: StreamError) -> bytes:
    """A stream error, inside a stream that `header` began (RFC 6120 section 4.9.2)."""
    said = element("error", ns.STREAMS, None, element(error.condition, ns.STREAM_ERRORS))
    if error.text:
        said.append(element("text", ns.STREAM_ERRORS, text=error.text))
    return b"<stream:error>" + b"".join(map(serialise, said)) + b"</stream:error>"


def limits(bounds: Limits, idle_seconds: int) -> Element:
    """The stream feature that tells a client its bounds (XEP-0478 section 2)."""
    return element(
        "limits",
        ns.LIMITS,
        None,
        element("max-bytes", ns.LIMITS, text=str(bounds.stanza_bytes)),
        element("idle-seconds", ns.LIMITS, text=str(idle_seconds)),
    )


def claimed(sender: str | None) -> str:
    """The bare JID that a client's header is from, which ours is addressed to (RFC 6120 section 4.7.2).

    Raises StreamError for one that is none.
    """
    try:
        return Jid.parse(sender).bare if sender is not None else ""
    except JidMalformed:
        raise StreamError("invalid-from") from None


def wanted_resource(request: Stanza) -> str | None:
    """The resource that a request to bind asks for; None leaves it to the server. Raises StanzaError."""
    bind = child(request.tree(), "bind", ns.BIND)
    wanted = child(bind, "resource", ns.BIND) if bind is not None else None
    if wanted is None or not wanted.text:
        return None
    try:
        return prepare_resource(wanted.text)
    except JidMalformed as error:
        raise StanzaError("bad-request", str(error)) from None  # RFC 6120 section 7.7.2.1
