"""Stanzas that lie whole in the bytes: they are what the general way would give; the rest is left to it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from roost.protocol.framing import Framer
from roost.protocol.restricted import Limits
from roost.protocol.stanza import Stanza
from roost.protocol.whole import USUAL_HEADER, WholeStanzas

CHAT = b"<message to='juliet@a.lit' type='chat' id='m1' xml:lang='it'><body>&lt;Ciao&gt;</body></message>"
PRESENCE = b"<presence><show>away</show></presence>"
PING = b"<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>"
LIMITS = Limits()


def facts(stanza):
    return tuple(getattr(stanza, name) for name in Stanza.__slots__)


def generally(data, limits=LIMITS):
    """What the general way gives for bytes that come one by one."""
    framer = Framer(limits)
    events = [event for byte in USUAL_HEADER + data for event in framer.feed(bytes([byte]))]
    return events[1:]


@pytest.mark.parametrize("data", [CHAT, PRESENCE, PING, CHAT + PRESENCE + PING + CHAT])
def test_it_gives_what_the_general_way_gives(data):
    found = []
    assert WholeStanzas().take(data, LIMITS, found) == len(data)
    assert list(map(facts, found)) == list(map(facts, generally(data)))


LEFT = {
    "not whole": b"<message><body>",
    "nothing": b"",
    "a space": b" " + CHAT,
    "without a closing tag": b"<presence/>",
    "one of its name within": b"<message><message/></message>",
    "a closing tag as text": b"<message><![CDATA[</message>]]></message>",
    "a closing tag in a comment": b"<message><!-- </message> --></message>",
    "a closing tag in an instruction": b"<message><?a </message>?></message>",
    "a closing tag in a value": b"<message a='</message>'/></message>",
    "a closing tag too many": b"<message/></message>",
    "another name": b"<messages></message></messages>",
    "another namespace": b"<message xmlns='urn:x'></message>",
    "another prefix": b"<c:message xmlns:c='jabber:client'></c:message>",
    "an entity": b"<message>&lol;</message>",
    "a prefix of nobody": b"<message><a:b/></message>",
    "not UTF-8": b"<message>\xff</message>",
    "a null": b"<message>\0</message>",
    "a nonza": b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'></auth>",
    "the stream's end": b"</stream:stream>",
}


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_what_is_left_to_the_general_way(data):
    whole, found = WholeStanzas(), []
    assert whole.take(PRESENCE + data, LIMITS, found) == len(PRESENCE)
    assert len(found) == 1
    assert whole.take(CHAT, LIMITS, found) == len(CHAT), "it goes on with another stream"


@pytest.mark.parametrize(
    "data",
    [
        b"<message>%b</message>" % (b"x" * 1000),
        b"<message>%b%b</message>" % (b"<a>" * 5, b"</a>" * 5),
        b"<message><x %b/></message>" % b" ".join(b"a%d=''" % number for number in range(6)),
        b"<message %b></message>" % b" ".join(b"xmlns:a%d='u'" % number for number in range(6)),
    ],
)
def test_what_may_be_over_a_bound_is_left_too(data):
    assert WholeStanzas().take(data, Limits(stanza_bytes=900, depth=5, attributes=5), []) == 0
    assert WholeStanzas().take(data, LIMITS, []) == len(data)


@given(st.integers(0, 60), st.integers(0, 120), st.integers(0, 400), st.integers(0, 2))
@example(49, 100, 0, 0)
@example(50, 100, 0, 0)
def test_nothing_over_a_bound_is_taken(levels, attributes, text, empty):
    inner = b"<a %b>" % b" ".join(b"a%d=''" % number for number in range(attributes)) + b"x" * text + b"</a>"
    data = b"<message>%b%b%b%b</message>" % (b"<b>" * levels, inner, b"</b>" * levels, b"<c/>" * empty)
    found = []
    if WholeStanzas().take(data, LIMITS, found):
        assert list(map(facts, found)) == list(map(facts, generally(data)))


def test_names_are_forgotten():
    whole = WholeStanzas()
    for i in range(2000):
        names = b"".join(b"<n%d/>" % (i * 20 + number) for number in range(20))
        data = b"<message>%b</message>" % names
        assert whole.take(data, LIMITS, []) == len(data)
        assert len(whole._parser.intern) < 10_000
