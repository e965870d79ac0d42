"""What XML may be in a stream, and how much of it."""

from __future__ import annotations

from xml.parsers.expat import ExpatError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol.errors import StreamError
from roost.protocol.restricted import Limits, new_parser, refusal, weigh


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (b"<a><!-- hello --></a>", "restricted-xml"),
        (b"<a><?php x?></a>", "restricted-xml"),
        (b"<!DOCTYPE a><a/>", "restricted-xml"),
        (b"<a>&lol;</a>", "restricted-xml"),
        (b"<a></b>", "not-well-formed"),
        (b"<?xml version='1.0' encoding='latin-1'?><a/>", "unsupported-encoding"),
    ],
)
def test_what_a_stream_may_not_hold_has_a_name(data, condition):
    with pytest.raises((StreamError, ExpatError)) as raised:
        new_parser().Parse(data, True)
    error = raised.value if isinstance(raised.value, StreamError) else refusal(raised.value)
    assert error.condition == condition


def test_names_are_expanded():
    names = []
    parser = new_parser()
    parser.StartElementHandler = lambda name, attributes: names.append((name, *attributes))
    parser.Parse(b"<?xml version='1.0' encoding='UTF-8'?><a xmlns='u' xmlns:p='v' p:b='1'/>", True)
    assert names == [("u}a", "v}b")]


@given(st.integers(1, 60), st.integers(1, 120), st.integers(20, 2000))
def test_a_light_element_goes_over_no_bound(depth, attributes, stanza_bytes):
    limits = Limits(stanza_bytes, depth, attributes)
    deepest = b"<a>" * depth + b"</a>" * depth
    widest = b"<a%b/>" % (b" a=''" * attributes)
    assert limits.light <= min(len(deepest), len(widest), stanza_bytes)


def test_an_element_is_weighed():
    weigh(b"<a b='=' c='='>= = =</a>", Limits(attributes=2))
    with pytest.raises(StreamError, match="policy-violation"):
        weigh(b"<a b='' xmlns:c='u' p:d=''/>", Limits(attributes=2))
    with pytest.raises(StreamError, match="policy-violation"):
        weigh(b"<a>12345</a>", Limits(stanza_bytes=11))
