"""Stanzas that lie whole in the bytes at hand, as most do: parsed at two thirds of the general way's cost.

The general way is called by expat at the start and the end of every element, to know where a stanza ends.
Here that is guessed: behind the next closing tag of the stanza's name. The guess is right if expat accepts
the bytes up to there, and the name was opened in them only once: then that tag closed the stanza itself.
It is surely a tag: without `<!` and `<?` among the bytes it lies in no CDATA section, comment or processing
instruction, and an attribute's value may not hold a `<` (XML 1.0 section 3.1).

What is not so, errors above all, is left to the general way, which says the same of all bytes whatever
pieces they come in.
"""

from __future__ import annotations

from typing import Any
from xml.parsers.expat import ExpatError

from roost.protocol import namespaces as ns
from roost.protocol.errors import StreamError
from roost.protocol.restricted import SEPARATOR, WORN_BYTES, Limits, new_parser
from roost.protocol.stanza import Stanza

USUAL_HEADER = f"<stream:stream xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' version='1.0'>".encode()
"""The opening tag within which nearly all clients speak."""
_LANG = ns.XML + SEPARATOR + "lang"
_TAGS = {
    opening[:4]: (kind, f"{ns.CLIENT}{SEPARATOR}{kind}", opening, f"</{kind}>".encode())
    for kind, opening in (("message", b"<message"), ("presence", b"<presence"), ("iq", b"<iq "))
}
"""What is to be known of each kind, by its first bytes."""


class WholeStanzas:
    """Finds and parses them, for any number of streams in turn: what one said is nothing to the next."""

    __slots__ = ("_attributes", "_child", "_left", "_name", "_parser", "_payload", "_root")

    def __init__(self) -> None:
        self._root = self._root_start
        self._child = self._child_start
        self._left = 0
        self._renew()

    def take(self, data: bytes, limits: Limits, found: list[Any]) -> int:
        """Add the stanzas at the beginning of `data` to `found`; how many bytes they took.

        `data` is of a stream with the usual header, from where a stanza may begin. No stanza goes over the
        `limits`.
        """
        at = 0
        while tag := _TAGS.get(data[at : at + 4]):
            kind, name, opening, closing = tag
            end = data.find(closing, at)
            if end < 0:
                break
            end += len(closing)
            piece = data[at:end]
            if piece.find(opening, 1) >= 0 or piece.find(b"<!") >= 0 or piece.find(b"<?") >= 0:
                break
            if len(piece) > limits.light and not _within(piece, limits):
                break
            if not self._parse(piece) or self._name != name:
                break
            get = self._attributes.get
            lang, payload = get(_LANG), self._payload
            found.append(Stanza(kind, piece, get("to"), get("from"), get("type"), get("id"), lang, payload))
            at = end
        return at

    def _parse(self, piece: bytes) -> bool:
        """Whether `piece` is well-formed; what there is to know of it then."""
        parser = self._parser
        parser.StartElementHandler = self._root
        self._left -= len(piece)
        try:
            parser.Parse(piece, False)
        except (ExpatError, StreamError, ValueError):
            self._left = -1
            return False
        finally:
            if self._left < 0:
                self._renew()
        return True

    def _root_start(self, name: str, attributes: dict[str, str]) -> None:
        self._name = name
        self._attributes = attributes
        self._payload: str | None = None
        self._parser.StartElementHandler = self._child

    def _child_start(self, name: str, _attributes: dict[str, str]) -> None:
        self._payload = name
        self._parser.StartElementHandler = None

    def _renew(self) -> None:
        self._parser = new_parser()
        self._parser.Parse(USUAL_HEADER, False)
        self._left = WORN_BYTES


def _within(piece: bytes, limits: Limits) -> bool:
    """Whether `piece` surely keeps to all bounds. Each level but the last takes two `<`."""
    if len(piece) > limits.stanza_bytes or piece.count(b"<") >= 2 * limits.depth:
        return False
    return piece.count(b"=") <= limits.attributes
