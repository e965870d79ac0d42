"""A stanza as it travels: its own bytes, and the few facts routing needs."""

from __future__ import annotations

import re

from roost.protocol import namespaces as ns
from roost.protocol.errors import StanzaError
from roost.protocol.xml import Element, element, escape_attribute, parse, serialise

MESSAGE_TYPES = frozenset({"normal", "chat", "headline", "groupchat", "error"})
PRESENCE_TYPES = frozenset(
    {"unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"}
)
IQ_TYPES = frozenset({"get", "set", "result", "error"})

START_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=/>]+\s*=\s*(?:'[^']*'|\"[^\"]*\"))*\s*/?>")
_NAME_ENDS = {name[1]: len(name) for name in (b"<message", b"<presence", b"<iq")}
"""Where a root's name ends, by its first letter."""
_ATTRIBUTE = re.compile(rb"\s+([^\s=/>]+)\s*=\s*('[^']*'|\"[^\"]*\")")


class Stanza:
    """One message, presence or iq with the bytes it came in.

    `to`, `sender`, `id`, `type` and `lang` are the attributes' values or None; `payload` is the
    expanded name (`namespace}local`, as expat gives it) of the first child or None.
    """

    __slots__ = ("id", "kind", "lang", "payload", "raw", "sender", "to", "type")

    def __init__(
        self,
        kind: str,
        raw: bytes,
        to: str | None = None,
        sender: str | None = None,
        type: str | None = None,
        id: str | None = None,
        lang: str | None = None,
        payload: str | None = None,
    ) -> None:
        self.kind = kind
        self.raw = raw
        self.to = to
        self.sender = sender
        self.type = type
        self.id = id
        self.lang = lang
        self.payload = payload

    def tree(self) -> Element:
        """The stanza as a tree, parsed anew at each call."""
        return parse(self.raw)


def insert_attributes(raw: bytes, attributes: bytes) -> bytes:
    """`raw` with ` name='value'...` (leading space included) added right after the root's name.

    Only for a root without a prefix, which is what the framer hands on.
    """
    at = _NAME_ENDS[raw[1]]
    return raw[:at] + attributes + raw[at:]


def without_attribute(raw: bytes, name: bytes) -> bytes:
    """`raw` with the root's attribute `name` taken out, the rest untouched."""
    tag = START_TAG.match(raw)
    if tag is None:
        return raw
    for found in _ATTRIBUTE.finditer(raw, 0, tag.end()):
        if found[1] == name:
            return raw[: found.start()] + raw[found.end() :]
    return raw


def error_reply(stanza: Stanza, error: StanzaError, to: str | None, sender: str | None = None) -> bytes:
    """The error stanza that answers `stanza` (RFC 6120 section 8.3.1), addressed to `to`.

    `sender` is the JID it is said to come from: what the stanza was addressed to, when None.
    """
    return serialise(
        error_element(stanza.kind, stanza.id, error, to, stanza.to if sender is None else sender)
    )


def error_element(
    kind: str, id: str | None, error: StanzaError, to: str | None, sender: str | None
) -> Element:
    """An error stanza as a tree; see `error_reply`."""
    reply = element(kind, ns.CLIENT, {"type": "error"})
    if to:
        reply.set("to", to)
    if sender:
        reply.set("from", sender)
    if id is not None:
        reply.set("id", id)
    said = element("error", ns.CLIENT, {"type": error.type}, element(error.condition, ns.STANZA_ERRORS))
    if error.text:
        said.append(element("text", ns.STANZA_ERRORS, text=error.text))
    reply.append(said)
    return reply


def iq_result(id: str, to: str | None, sender: str | None, payload: Element | None = None) -> bytes:
    """The result of an iq (RFC 6120 section 8.2.3) with an optional payload."""
    addresses = {"to": to, "from": sender}
    said = "".join(f" {name}='{escape_attribute(jid)}'" for name, jid in addresses.items() if jid)
    head = f"<iq type='result' id='{escape_attribute(id)}'{said}"
    if payload is None:
        return f"{head}/>".encode()
    return f"{head}>".encode() + serialise(payload) + b"</iq>"
