"""Framing: any split of any bytes gives the same events; what RFC 6120 forbids is refused by name."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roost.protocol.framing import Framer, Nonza, StreamEnd, StreamFailure, StreamHeader
from roost.protocol.restricted import Limits
from roost.protocol.stanza import Stanza

OPEN = (
    b"<?xml version='1.0'?><stream:stream to='example.net' xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0' xml:lang='de'>"
)
CLOSE = b"</stream:stream>"
CHAT = (
    b"<message to='juliet@example.net' type='chat' id='m1'><body>Art thou not Romeo, and a Montague?</body>"
    b"<active xmlns='http://jabber.org/protocol/chatstates'/></message>"
)
PIECES = [
    CHAT,
    b"<presence/>",
    b"<presence></presence>",
    b" \n",
    b"<message>/></message>",
    b"<message id=\"a>b\" to='x@y'/>",
    b"<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
    b"<c:presence xmlns:c='jabber:client'/>",
    b"<message><message/></message>",
    "<message><body>ümlaut 𝄞</body></message>".encode(),
    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldA==</auth>",
    b"<message><body>&amp;&#65;</body></message>",
    b"<message ><body><![CDATA[</message>]]></body></message >",
]
WORDS = [
    *b"< > / = ' \" & ; : a message to='x' p: xmlns:p='u' xmlns='u' text amp #65".split(),
    *b"<message> </message> <presence/> </stream:stream> <!-- --> <![CDATA[ ]]> <? ?> <?xml".split(),
    *(b" ", b"\n", b"\x00", b"\xff", b"\xc3\xbc", b"\xef\xbb\xbf", b"\xed\xa0\x80"),
]
SPOILT = [b"<!-- -->", b"&foo;", b"text", b"\xff", b"</wrong>", b"<a", b"<p:a/>", b"\x00", b"<?a b?>", CLOSE]


def seen(chunks, limits=Limits()):  # noqa: B008 - frozen
    framer = Framer(limits)
    events = [event for chunk in chunks for event in framer.feed(chunk)]
    return [facts(event) for event in events]


def facts(event):
    if isinstance(event, Stanza):
        return (event.kind, event.raw, event.to, event.type, event.id, event.payload)
    if isinstance(event, StreamFailure):
        return ("failure", event.error.condition)
    return event


def failure(data, limits=Limits()):  # noqa: B008 - frozen
    last = seen([data], limits)[-1]
    return last[1] if isinstance(last, tuple) and last[0] == "failure" else None


def cut(data, places):
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.sampled_from(PIECES + SPOILT), max_size=8), st.lists(st.integers(0, 10_000), max_size=12))
@example([CHAT, b"<presence/>"], list(range(600)))
@example([b"<message>/></message>", CLOSE], list(range(600)))
def test_any_split_gives_the_same_events(pieces, places):
    data = OPEN + b"".join(pieces)
    assert seen(cut(data, places)) == seen([data])
    assert seen([OPEN, *cut(b"".join(pieces), places)]) == seen([data])


@given(
    st.booleans(),
    st.lists(st.sampled_from(WORDS) | st.binary(max_size=3), max_size=14),
    st.lists(st.integers(0, 10_000), max_size=8),
    st.sampled_from([len(OPEN), len(OPEN) + 3, 10_000]),
)
@example(True, [CLOSE, b"<", b"<"], list(range(300)), 10_000)
@example(True, [], [20], len(OPEN) - 1)
def test_any_split_of_anything_gives_the_same_events(opened, words, places, limit):
    data = b"".join([OPEN, *words] if opened else words)
    limits = Limits(stanza_bytes=limit, depth=3, attributes=4)
    assert seen(cut(data, places), limits) == seen([data], limits)
    if opened:
        assert seen([OPEN, *cut(b"".join(words), places)], limits) == seen([data], limits)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_garbage_never_crashes(data, places):
    framer = Framer(Limits())
    for chunk in cut(data, places):
        framer.feed(chunk)


@given(st.binary(max_size=60))
def test_garbage_in_a_stream_never_crashes(data):
    assert seen([OPEN + data])


def test_a_stanza_keeps_its_own_bytes():
    header, stanza, end = seen([OPEN + CHAT + CLOSE])
    assert header == StreamHeader("example.net", None, "de")
    assert stanza == ("message", CHAT, "juliet@example.net", "chat", "m1", "jabber:client}body")
    assert end == StreamEnd()


def test_one_byte_at_a_time():
    data = OPEN + b"".join(PIECES) + CLOSE
    assert seen([data[at : at + 1] for at in range(len(data))]) == seen([data])


def test_a_stream_with_other_prefixes_gives_stanzas_that_stand_alone():
    opening = (
        b"<s:stream to='example.net' xmlns:s='http://etherx.jabber.org/streams'"
        b" xmlns:x='urn:x' version='1.0'>"
    )
    stanza = seen([opening + b"<message xmlns='jabber:client' to='a@b'><x:y z='1'/></message>"])[1]
    assert stanza[1] == b"<message to='a@b'><y xmlns='urn:x' z='1'/></message>"


def test_a_nonza_gives_its_tree():
    framer = Framer(Limits())
    nonza = framer.feed(
        OPEN + b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AA==</auth>"
    )[1]
    assert isinstance(nonza, Nonza)
    assert nonza.name == "urn:ietf:params:xml:ns:xmpp-sasl}auth"
    assert nonza.tree().get("mechanism") == "PLAIN"


def test_a_restart_expects_a_new_header():
    framer = Framer(Limits())
    framer.feed(OPEN)
    framer.restart()
    assert [facts(event) for event in framer.feed(OPEN + b"<presence/>")] == [
        StreamHeader("example.net", None, "de"),
        ("presence", b"<presence/>", None, None, None, None),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
def test_another_encoding_is_refused_at_its_first_bytes(encoding):
    data = OPEN.decode().encode(encoding)
    assert seen([data[:1], data[1:2], data[2:]]) == [("failure", "unsupported-encoding")]


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "not-well-formed"),
        (b"\x16\x03\x01\x02\x00", "not-well-formed"),
        (b"<!DOCTYPE stream><stream/>", "restricted-xml"),
        (OPEN + b"<!-- hello -->", "restricted-xml"),
        (OPEN + b"<?php x?>", "restricted-xml"),
        (OPEN + b"<message><body>&lol;</body></message>", "restricted-xml"),
        (OPEN + b"<message><body>\xc3\x28</body></message>", "not-well-formed"),
        (OPEN + b"<message></presence>", "not-well-formed"),
        (OPEN + b"<x:message/>", "not-well-formed"),
        (OPEN + b"hello<presence/>", "bad-format"),
        (OPEN + b"<presence/>hello" + CLOSE, "bad-format"),
        (b"<?xml version='1.0' encoding='utf-16'?><a/>", "unsupported-encoding"),
        (OPEN.decode().encode("utf-16"), "unsupported-encoding"),
        (OPEN.decode().encode("utf-16-be"), "unsupported-encoding"),
        (OPEN.decode().encode("utf-16-le"), "unsupported-encoding"),
        (b"<stream xmlns='jabber:client' version='1.0'>", "invalid-namespace"),
        (b"<s:flow xmlns:s='http://etherx.jabber.org/streams' version='1.0'>", "bad-format"),
        (OPEN.replace(b"'jabber:client'", b"'jabber:server'"), "invalid-namespace"),
        (OPEN.replace(b" version='1.0' xml:lang", b" xml:lang"), "unsupported-version"),
        (OPEN.replace(b" version='1.0' xml:lang", b" version='0.9' xml:lang"), "unsupported-version"),
    ],
)
def test_bad_input_is_refused_by_name(data, condition):
    assert failure(data) == condition


def test_a_later_version_of_the_protocol_is_welcome():
    assert failure(OPEN.replace(b" version='1.0' xml:lang", b" version='1.1' xml:lang")) is None


@pytest.mark.parametrize("complete", [True, False])
def test_a_stanza_over_the_size_limit(complete):
    stanza = b"<message><body>" + b"x" * 2000 + (b"</body></message>" if complete else b"")
    assert failure(OPEN + stanza, Limits(stanza_bytes=2000)) == "policy-violation"
    assert failure(OPEN + stanza, Limits(stanza_bytes=3000)) is None


def test_depth_and_attributes_are_bounded():
    limits = Limits(depth=5, attributes=6)
    nested = b"<message>" + b"<a>" * 4 + b"</a>" * 4 + b"</message>"
    deeper = b"<message>" + b"<a>" * 5 + b"</a>" * 5 + b"</message>"
    assert failure(OPEN + nested, limits) is None
    assert failure(OPEN + deeper, limits) == "policy-violation"
    assert failure(OPEN + b"<message a='1' b='2' c='3' d='4' e='5' f='6'/>", limits) is None
    crowded = b"a='1' b='2' c='3' d='4' e='5' f='6' g='7'/>"
    assert failure(OPEN + b"<message " + crowded, limits) == "policy-violation"
    assert failure(OPEN + b"<message><x " + crowded + b"</message>", limits) == "policy-violation"


@pytest.mark.parametrize("around", [b"%b", b"<message>%b</message>", b"<iq><q><r>%b</r></q></iq>"])
@pytest.mark.parametrize(("declared", "attributes"), [(30, 0), (29, 1), (1, 29), (0, 30)])
def test_declarations_of_namespaces_count_as_attributes(around, declared, attributes):
    def crowded(declared):
        names = [b"xmlns:n%d='u'" % i for i in range(declared)] + [b"a%d=''" % i for i in range(attributes)]
        return OPEN + around % (b"<presence " + b" ".join(names) + b"/>")

    assert failure(crowded(declared), Limits(attributes=30)) is None
    assert failure(crowded(declared + 1), Limits(attributes=30)) == "policy-violation"


def test_attributes_are_those_of_one_element():
    many = b"<message>" + b"<a xmlns='u' b='1 = 1'>c = d</a>" * 100 + b"</message>"
    assert failure(OPEN + many, Limits(attributes=5)) is None


def test_a_header_is_bounded_too():
    assert failure(OPEN, Limits(stanza_bytes=len(OPEN))) is None
    assert failure(OPEN, Limits(stanza_bytes=len(OPEN) - 1)) == "policy-violation"
    assert failure(OPEN, Limits(attributes=5)) is None
    assert failure(OPEN, Limits(attributes=4)) == "policy-violation"


def test_a_stream_may_declare_as_much_as_is_allowed():
    """Also when its parser is replaced, by one that reads the header as we say it."""
    names = b" ".join(b"xmlns:n%d='u'" % i for i in range(200))
    opening = OPEN.replace(b" to=", b" " + names + b" to=")
    framer = Framer(Limits(attributes=205))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("roost.protocol.framing.WORN_BYTES", 0)
        assert len(framer.feed(opening)) == 1
        assert [len(framer.feed(b"<n7:x/>")) for _ in range(3)] == [1, 1, 1]


@pytest.mark.parametrize("more", [b"<", b"<presence/>", b"text", b"<!-- -->"])
def test_the_end_of_a_stream_is_the_last_event(more):
    assert seen([OPEN + CLOSE + more])[1:] == [StreamEnd()]


def test_nothing_is_read_after_a_failure():
    framer = Framer(Limits())
    framer.feed(OPEN + b"<!-- -->")
    assert framer.feed(CHAT) == []


def test_streams_do_not_hear_each_other():
    """Parsers are lent from stream to stream; what one left half said must not reach the other."""
    first, second = Framer(Limits()), Framer(Limits())
    first.feed(OPEN)
    second.feed(OPEN)
    first.feed(b"<message to='a@b'><body>sec")
    assert [facts(event)[0] for event in second.feed(CHAT)] == ["message"]
    assert (
        facts(first.feed(b"ret</body></message>")[0])[1] == b"<message to='a@b'><body>secret</body></message>"
    )


@pytest.mark.parametrize(
    "opening",
    [
        OPEN,
        b"<s:stream to='example.net' xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'"
        b" xmlns:x='urn:x' version='1.0'>",
    ],
)
@given(pieces=st.lists(st.sampled_from(PIECES), min_size=1), places=st.lists(st.integers(0, 3000)))
def test_a_parser_that_is_replaced_in_between_changes_nothing(opening, pieces, places):
    data = opening + b"".join(pieces) + CLOSE
    if opening is not OPEN:
        data = data.replace(CLOSE, b"</s:stream>")
    expected = seen(cut(data, places))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("roost.protocol.framing.WORN_BYTES", 0)
        assert seen(cut(data, places)) == expected


def test_names_are_forgotten():
    """Also by a stream whose every piece ends within a stanza, so that it never gives its parser back."""
    framer = Framer(Limits())
    framer.feed(OPEN + b"<message><bo")
    for i in range(200):
        names = b"".join(b"<n%d a%d=''/>" % (i * 100 + j, i * 100 + j) for j in range(100))
        assert len(framer.feed(b"dy/>" + names + b"</message><message><bo")) == 1
        assert len(framer._parser._expat.intern) < 10_000
