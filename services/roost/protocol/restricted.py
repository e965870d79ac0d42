"""What XML a stream may hold (RFC 6120 section 11.1), and how much of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from xml.parsers import expat

from roost.protocol.errors import StreamError

SEPARATOR = "}"
"""Between namespace and local name, as expat gives a name."""
# A parser remembers every name it has seen, those of attributes and prefixes too, which it does not tell;
# so it is worn out after this many bytes. A new one costs about as much as parsing two stanzas.
WORN_BYTES = 65_536
_ATTRIBUTE_BYTES = len(" a=''")
_LEVEL_BYTES = len("<a></a>")


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one stanza: bytes, levels, attributes of one element (its declarations are some)."""

    stanza_bytes: int = 262_144
    depth: int = 50
    attributes: int = 100
    light: int = field(init=False)
    """An element of no more bytes than this exceeds none of the bounds."""

    def __post_init__(self) -> None:
        least = min(self.stanza_bytes, self.depth * _LEVEL_BYTES, self.attributes * _ATTRIBUTE_BYTES)
        object.__setattr__(self, "light", least)


NO_LIMITS = Limits(sys.maxsize, sys.maxsize, sys.maxsize)
"""Of what we say ourselves."""


def new_parser() -> expat.XMLParserType:
    """A parser that raises StreamError at what is restricted, and expands names by SEPARATOR."""
    parser = expat.ParserCreate("utf-8", SEPARATOR)
    if hasattr(parser, "SetReparseDeferralEnabled"):
        parser.SetReparseDeferralEnabled(False)  # else newer expat sits on partial tokens
    parser.XmlDeclHandler = _xml_declaration
    parser.StartDoctypeDeclHandler = _restricted
    parser.CommentHandler = _restricted
    parser.ProcessingInstructionHandler = _restricted
    return parser


def refusal(error: expat.ExpatError) -> StreamError:
    """What the peer is told of XML that expat refuses."""
    # an entity that is not predefined is restricted XML (RFC 6120 section 11.1), the rest is not well-formed
    if error.code == expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]:
        return StreamError("restricted-xml")
    return StreamError("not-well-formed", expat.ErrorString(error.code))


def weigh(raw: bytes, limits: Limits) -> None:
    """Refuse an element with too many bytes or attributes; raises StreamError. For those that may have."""
    if len(raw) > limits.stanza_bytes:
        raise StreamError("policy-violation", "the stanza is too large")
    if raw.count(b"=") > limits.attributes:

        def start(_name: str, attributes: dict[str, str]) -> None:
            if len(attributes) > limits.attributes:
                raise StreamError("policy-violation", "too many attributes")

        # without namespaces: then a declaration is an attribute like others
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler = start
        parser.Parse(raw, True)


def _restricted(*_what: object) -> None:
    raise StreamError("restricted-xml")


def _xml_declaration(_version: str, encoding: str | None, _standalone: int) -> None:
    if encoding is not None and encoding.lower() not in {"utf-8", "utf8"}:
        raise StreamError("unsupported-encoding")  # RFC 6120 section 11.6
