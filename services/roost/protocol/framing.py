"""Bytes of a stream -> its header, its stanzas and its end.

A stanza's own bytes are kept and passed on. Between two stanzas a stream owns no parser: those
in the usual state (inside `<stream:stream xmlns='jabber:client'>`) are lent to whichever stream
has bytes to parse, so that an idle connection costs no parser, and a parser that has seen many
names is thrown away with them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.parsers import expat

from roost.protocol import namespaces as ns
from roost.protocol.errors import StreamError
from roost.protocol.restricted import (
    NO_LIMITS,
    SEPARATOR,
    WORN_BYTES,
    Limits,
    new_parser,
    refusal,
    weigh,
)
from roost.protocol.stanza import START_TAG, Stanza
from roost.protocol.whole import USUAL_HEADER, WholeStanzas
from roost.protocol.xml import Element, escape_attribute, parse_within, serialise

_STREAM = ns.STREAMS + SEPARATOR + "stream"
_LANG = ns.XML + SEPARATOR + "lang"
_STANZAS = {
    f"{ns.CLIENT}}}message": ("message", b"<message"),
    f"{ns.CLIENT}}}presence": ("presence", b"<presence"),
    f"{ns.CLIENT}}}iq": ("iq", b"<iq"),
}
_POOL = 32  # parsers kept for lending
_VERSION = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class StreamHeader:
    """The opening tag of a stream (RFC 6120 section 4.7)."""

    to: str | None
    sender: str | None
    lang: str | None


@dataclass(frozen=True, slots=True)
class Nonza:
    """A child of the stream that is no stanza, such as `<auth/>`; the name is `namespace}local`."""

    name: str
    raw: bytes
    declarations: bytes = USUAL_HEADER

    def tree(self) -> Element:
        """The element as a tree."""
        return parse_within(self.raw, self.declarations)


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """The closing tag of the stream."""


@dataclass(frozen=True, slots=True)
class StreamFailure:
    """Why nothing more can be read from this stream; always the last event."""

    error: StreamError


Event = StreamHeader | Stanza | Nonza | StreamEnd | StreamFailure


class Framer:
    """Feed it a stream's bytes, in pieces of any size; it gives the events they complete."""

    __slots__ = ("_failed", "_limits", "_parser")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser: _Parser | None = _Parser()
        self._failed = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes. After a StreamFailure or StreamEnd there are none."""
        if self._failed:
            return []
        parser = self._parser
        before: list[Event] = []
        if parser is None:
            taken = _whole.take(data, self._limits, before)
            if taken == len(data):
                return before
            data = data[taken:]
            parser = _borrow()
        events = parser.feed(data, self._limits)
        if events and isinstance(events[-1], (StreamFailure, StreamEnd)):
            self._failed = True
            self._parser = None
            parser.drop()
        else:
            self._parser = _after(parser, events)
        return before + events if before else events

    def restart(self) -> None:
        """Expect a new stream header, after TLS or SASL (RFC 6120 section 4.3.3)."""
        if self._parser is not None:
            self._parser.drop()
        self._parser = _Parser()

    def limit(self, limits: Limits) -> None:
        """Other bounds from now on."""
        self._limits = limits

    def __del__(self) -> None:
        if self._parser is not None:
            self._parser.drop()


class _Parser:
    """One expat parser and where it stands. Counts bytes from the parser's first."""

    __slots__ = (
        "_attributes", "_base", "_buffer", "_data", "_declared", "_deepest", "_depth", "_events", "_expat",
        "_fed", "_header", "_last_end", "_limits", "_name", "_opening", "_payload", "_start",
        "between", "usual",
    )  # fmt: skip

    def __init__(self) -> None:
        self._expat = parser = new_parser()
        parser.StartElementHandler = self._element_start
        parser.EndElementHandler = self._element_end
        parser.StartNamespaceDeclHandler = self._namespace
        self._fed = 0
        self._base = 0
        self._last_end = 0
        self._depth = 0
        self._buffer = bytearray()
        self._data: bytes | bytearray = b""
        self._declared: list[tuple[str | None, str]] = []
        self._header = b""
        self._opening = b""
        self.usual = False
        self._events: list[Event] = []
        self._limits = NO_LIMITS
        self._deepest = NO_LIMITS.depth
        self._name = ""
        self._attributes: dict[str, str] = {}
        self._payload: str | None = None
        self._start = 0
        self.between = False

    @staticmethod
    def primed(opening: bytes = USUAL_HEADER) -> _Parser:
        """A parser inside a stream with that opening tag."""
        parser = _Parser()
        parser.feed(opening, NO_LIMITS)
        return parser

    @property
    def worn(self) -> bool:
        """Whether it may remember too many names."""
        return self._fed > WORN_BYTES

    def renewed(self) -> _Parser:
        """Another parser that stands where this one does and remembers no more than that takes."""
        parser = _Parser.primed(self._opening)
        if self._buffer:
            parser.feed(bytes(self._buffer), self._limits)
        self.drop()
        return parser

    def drop(self) -> None:
        """Free the memory at once: expat and its handlers hold each other, and a collection may be far."""
        del self._expat

    def feed(self, data: bytes, limits: Limits) -> list[Event]:
        """See Framer.feed."""
        if limits is not self._limits:
            self._limits = limits
            self._deepest = limits.depth + 1
        events: list[Event] = []
        self._events = events
        if self._buffer:
            self._buffer += data
            self._data = self._buffer
        else:
            self._base = self._fed
            self._data = data
        try:
            if self._fed < 2:
                _begins_in_utf8(data, self._fed)
            self._fed += len(data)
            self._expat.Parse(data, False)
            self._keep_rest()
        except expat.ExpatError as error:
            self._fail(refusal(error))
        except StreamError as error:
            self._fail(error)
        except (UnicodeError, ValueError):
            self._fail(StreamError("not-well-formed"))
        self._data = b""
        return events

    def _fail(self, error: StreamError) -> None:
        if not self._events or not isinstance(self._events[-1], StreamEnd):
            self._events.append(StreamFailure(error))

    def _keep_rest(self) -> None:
        """Keep the bytes of what is not complete; give the parser free when there are none."""
        rest = self._data[max(self._last_end - self._base, 0) :]
        if self._depth <= 1 and (not rest or rest.isspace()):
            if self._buffer:
                self._buffer = bytearray()
            self._last_end = self._fed
            self.between = True
            return
        self.between = False
        if self._data is not self._buffer or len(rest) != len(self._buffer):
            self._buffer = bytearray(rest)
            self._base = self._fed - len(rest)
        if len(rest) > self._limits.stanza_bytes:
            raise StreamError("policy-violation", "the stanza is too large")

    # --- expat's handlers ---

    def _element_start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth = depth = self._depth + 1
        if depth > 2:
            if depth == 3 and self._payload is None:
                self._payload = name
            if depth > self._deepest:
                raise StreamError("policy-violation", "elements too deep")
        elif depth == 2:
            self._child_start(name, attributes)
        else:
            self._stream_start(name, attributes)

    def _child_start(self, name: str, attributes: dict[str, str]) -> None:
        self._name = name
        self._attributes = attributes
        self._payload = None
        self._start = start = self._expat.CurrentByteIndex
        if start != self._last_end:
            self._only_space(start)

    def _only_space(self, end: int) -> None:
        # RFC 6120 section 4.6.1: whitespace between stanzas keeps a stream alive; text has no place there
        between = self._data[self._last_end - self._base : end - self._base]
        if between.strip():
            raise StreamError("bad-format", "text between stanzas")

    def _element_end(self, _name: str) -> None:
        self._depth = depth = self._depth - 1
        if depth == 1:
            self._child_end()
        elif depth == 0:
            index = self._expat.CurrentByteIndex
            if index != self._last_end:
                self._only_space(index)
            self._last_end = self._fed
            self._events.append(StreamEnd())

    def _child_end(self) -> None:
        data = self._data
        start = self._start - self._base
        end = self._tag_end(self._expat.CurrentByteIndex - self._base)
        raw = bytes(data[start:end])
        self._last_end = end + self._base
        if end - start > self._limits.light:
            weigh(raw, self._limits)
        known = _STANZAS.get(self._name)
        if known is None:
            self._events.append(Nonza(self._name, raw, self._header))
            return
        kind, root = known
        if not self.usual or not raw.startswith(root):
            raw = serialise(parse_within(raw, self._header))
        get = self._attributes.get
        self._events.append(
            Stanza(kind, raw, get("to"), get("from"), get("type"), get("id"), get(_LANG), self._payload)
        )

    def _tag_end(self, index: int) -> int:
        """Where the child that ends at expat's `index` ends: behind its end tag, or behind `/>`.

        Expat points behind an empty element, but at the start of an end tag; `<a>/></a>` looks like
        both, and is told apart by where the start tag ends.
        """
        data = self._data
        if self._payload is None and data[index - 2 : index] == b"/>":
            start_tag = START_TAG.match(data, self._start - self._base)
            if start_tag is not None and start_tag.end() == index:
                return index
        return data.index(b">", index) + 1

    def _namespace(self, prefix: str | None, uri: str) -> None:
        if self._depth == 0:
            self._declared.append((prefix, uri))

    def _stream_start(self, name: str, attributes: dict[str, str]) -> None:
        self._expat.StartNamespaceDeclHandler = None
        if name != _STREAM:
            condition = "bad-format" if name.startswith(ns.STREAMS + SEPARATOR) else "invalid-namespace"
            raise StreamError(condition, "not a stream of XMPP")
        declared = dict(self._declared)
        # RFC 6120 section 4.8.2: the content namespace may be declared here or on each stanza
        if declared.get(None, ns.CLIENT) != ns.CLIENT:
            raise StreamError("invalid-namespace", "this port is for jabber:client")
        found = _VERSION.fullmatch(attributes.get("version", "0.0"))
        if found is None or found[1] == "0":
            raise StreamError("unsupported-version")
        self.usual = declared == {None: ns.CLIENT, "stream": ns.STREAMS}
        self._header = self._opening = USUAL_HEADER
        if not self.usual:
            self._header, self._opening = _header(declared), _opening(declared)
        tag = START_TAG.match(self._data, self._expat.CurrentByteIndex - self._base)
        end = tag.end() + self._base if tag else self._fed
        crowd = len(attributes) + len(self._declared)
        if end - self._last_end > self._limits.stanza_bytes or crowd > self._limits.attributes:
            raise StreamError("policy-violation", "the stream header is too large")
        self._last_end = end
        self._events.append(StreamHeader(attributes.get("to"), attributes.get("from"), attributes.get(_LANG)))


def _header(declared: dict[str | None, str]) -> bytes:
    """An opening tag that declares the same prefixes, to parse this stream's stanzas within."""
    out = "".join(
        f' xmlns{":" + prefix if prefix else ""}="{escape_attribute(uri)}"'
        for prefix, uri in declared.items()
    )
    return f"<stream{out}>".encode()


def _opening(declared: dict[str | None, str]) -> bytes:
    """The opening tag of a stream that declares these prefixes, one of which is that of streams."""
    prefix = next(prefix for prefix, uri in declared.items() if uri == ns.STREAMS)
    return _header(declared).replace(b"<stream", f"<{prefix}:stream version='1.0'".encode(), 1)


def _begins_in_utf8(data: bytes, at: int) -> None:
    """Refuse what makes expat read UTF-16, whatever encoding it was told: a byte order mark, or a null
    beside the first character. `data` begins at the stream's byte `at`, 0 or 1."""
    if 0 in data[: 2 - at] or (at == 0 and data[:1] in {b"\xfe", b"\xff"}):
        raise StreamError("unsupported-encoding")  # RFC 6120 section 11.6


_whole = WholeStanzas()
_free: list[_Parser] = []


def _borrow() -> _Parser:
    return _free.pop() if _free else _Parser.primed()


def _after(parser: _Parser, events: list[Event]) -> _Parser | None:
    """The parser that its stream keeps; None where it can borrow one next time."""
    if parser.between and parser.usual:
        _give_back(parser)
        return None
    # Renewed behind a stanza alone: then what has to be parsed again came with these very bytes.
    return parser.renewed() if parser.worn and events else parser


def _give_back(parser: _Parser) -> None:
    if parser.worn or len(_free) >= _POOL:
        parser.drop()
    else:
        _free.append(parser)
