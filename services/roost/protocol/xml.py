"""Elements as trees, for the handlers that ask for one: bytes -> Element -> bytes.

The trees are the standard library's: their names are ordinary strings that die with
the tree, while lxml keeps every name it ever saw.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, XMLParser

from roost.protocol import namespaces as ns

_HEADER = f"<stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}'>".encode()
_FOOTER = b"</stream:stream>"
_SPECIAL = re.compile("[&<>'\"\t\n\r]")
_ESCAPES = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "'": "&apos;",
    '"': "&quot;",
    "\t": "&#9;",
    "\n": "&#10;",
    "\r": "&#13;",
}
_TEXT_SPECIAL = re.compile("[&<>\r]")

__all__ = [
    "Element",
    "child",
    "element",
    "escape_attribute",
    "escape_text",
    "parse",
    "serialise",
    "split_name",
]


def parse(raw: bytes) -> Element:
    """The tree of one stanza whose bytes rely on a client stream's namespace declarations.

    The bytes have passed the framer, so they hold no DTD, entity, comment or instruction.
    """
    return parse_within(raw, _HEADER)


def parse_within(raw: bytes, header: bytes) -> Element:
    """`parse` for a stream with an opening tag of its own, of which `header` gives the declarations."""
    parser = XMLParser()  # noqa: S314 - see above
    parser.feed(header)
    parser.feed(raw)
    parser.feed(_FOOTER if header is _HEADER or header.startswith(b"<stream:") else b"</stream>")
    stream: Element = parser.close()
    return stream[0]


def element(
    name: str,
    namespace: str,
    attributes: dict[str, str] | None = None,
    *children: Element,
    text: str | None = None,
) -> Element:
    """A new element `name` in `namespace` with the given attributes, children or text."""
    made = Element(f"{{{namespace}}}{name}", attributes or {})
    made.text = text
    made.extend(children)
    return made


def child(parent: Element, name: str, namespace: str) -> Element | None:
    """The first child of that name, or None."""
    return parent.find(f"{{{namespace}}}{name}")


def split_name(name: str) -> tuple[str, str]:
    """`{namespace}local` as (namespace, local); no namespace gives an empty string."""
    if name.startswith("{"):
        namespace, _, local = name[1:].partition("}")
        return namespace, local
    return "", name


def serialise(node: Element, within: str = ns.CLIENT) -> bytes:
    """The bytes of `node` for a place where `within` is the default namespace."""
    out: list[str] = []
    _write(node, within, out)
    return "".join(out).encode()


def escape_text(text: str) -> str:
    """`text` as character data."""
    return _TEXT_SPECIAL.sub(lambda found: _ESCAPES[found[0]], text)


def escape_attribute(value: str) -> str:
    """`value` for between a pair of quotes of either kind."""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value)


def _write(node: Element, within: str, out: list[str]) -> None:
    namespace, local = split_name(node.tag)
    out.append(f"<{local}")
    if namespace != within:
        out.append(f" xmlns='{escape_attribute(namespace)}'")
    for count, (key, value) in enumerate(node.attrib.items()):
        out.append(_attribute(key, value, count))
    if node.text is None and len(node) == 0:
        out.append("/>")
        return
    out.append(">")
    if node.text:
        out.append(escape_text(node.text))
    for inner in node:
        _write(inner, namespace, out)
        if inner.tail:
            out.append(escape_text(inner.tail))
    out.append(f"</{local}>")


def _attribute(key: str, value: str, count: int) -> str:
    namespace, local = split_name(key)
    quoted = f"'{escape_attribute(value)}'"
    if not namespace:
        return f" {local}={quoted}"
    if namespace == ns.XML:
        return f" xml:{local}={quoted}"
    return f" xmlns:a{count}='{escape_attribute(namespace)}' a{count}:{local}={quoted}"
