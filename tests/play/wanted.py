"""Which stanza a play waits for."""

from __future__ import annotations

from lxml.etree import _Element as Element

from play.client import Wanted
from roost.protocol import namespaces as ns

_C = f"{{{ns.CLIENT}}}"


class _Kind:
    """A stanza of one kind whose attributes are as said; None says nothing. Printable, for failures."""

    def __init__(self, kind: str, **attributes: str | None) -> None:
        self.kind = kind
        self.attributes = {name: value for name, value in attributes.items() if value is not None}
        self.texts: dict[str, str] = {}

    def __call__(self, stanza: Element) -> bool:
        return (
            stanza.tag == _C + self.kind
            and all((stanza.get(name) or "") == value for name, value in self.attributes.items())
            and all(stanza.findtext(_C + name) == text for name, text in self.texts.items())
        )

    def __repr__(self) -> str:
        return f"{self.kind} {self.attributes} {self.texts or ''}"


def message(body: str | None = None, sender: str | None = None, type: str | None = None) -> Wanted:
    """A message; any with a body when none is given."""
    kind = _Kind("message", type=type, **{"from": sender})
    if body is not None:
        kind.texts["body"] = body
    return kind


def presence(sender: str | None = None, type: str | None = None, status: str | None = None) -> Wanted:
    """Presence; `type` "" is available."""
    kind = _Kind("presence", type=type, **{"from": sender})
    if status is not None:
        kind.texts["status"] = status
    return kind


def push(contact: str) -> Wanted:
    """A roster push about a contact (RFC 6121 section 2.1.6)."""

    def wanted(stanza: Element) -> bool:
        item = stanza.find(f"{{{ns.ROSTER}}}query/{{{ns.ROSTER}}}item")
        return stanza.get("type") == "set" and item is not None and item.get("jid") == contact

    return wanted


def condition(stanza: Element) -> str:
    """The condition of an error, be it a stanza's, a stream's or SASL's, after checking its form."""
    error = stanza if stanza.tag != _C + local_name(stanza) else stanza.find(f"{_C}error")
    assert error is not None, "no error"
    return local_name(error[0])


def local_name(element: Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def stream_error(stanza: Element) -> bool:
    """An error that ends the stream."""
    return bool(stanza.tag == f"{{{ns.STREAMS}}}error")
