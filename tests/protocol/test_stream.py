"""What a server says of a stream is XML whatever is put in, and reads back as it was meant."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol import namespaces as ns
from roost.protocol.errors import StanzaError, StreamError
from roost.protocol.restricted import Limits
from roost.protocol.stanza import Stanza
from roost.protocol.stream import FOOTER, claimed, failure, header, limits, wanted_resource

texts = st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs"]), max_size=30)


@given(texts, texts, texts)
def test_a_stream_that_fails_is_well_formed(domain, to, text):
    said = header(domain, to) + failure(StreamError("host-unknown", text)) + FOOTER
    stream = ElementTree.fromstring(said)
    assert (stream.tag, stream.get("version")) == (f"{{{ns.STREAMS}}}stream", "1.0")
    assert (stream.get("from"), stream.get("to", "")) == (domain, to)
    [error] = stream
    assert error.tag == f"{{{ns.STREAMS}}}error"
    assert error[0].tag == f"{{{ns.STREAM_ERRORS}}}host-unknown"
    assert [child.text for child in error[1:]] == ([text] if text else [])


def test_ids_cannot_be_guessed_from_each_other():
    ids = {ElementTree.fromstring(header("a") + FOOTER).get("id") for _ in range(100)}
    assert len(ids) == 100
    assert {len(id) for id in ids} == {16}


def test_limits():
    said = limits(Limits(stanza_bytes=10_000), 1800)
    assert said.tag == f"{{{ns.LIMITS}}}limits"
    assert [(one.tag.rpartition("}")[2], one.text) for one in said] == [
        ("max-bytes", "10000"),
        ("idle-seconds", "1800"),
    ]


def test_whom_a_header_is_from():
    assert claimed("Romeo@Example.net/orchard") == "romeo@example.net"
    assert claimed(None) == ""
    with pytest.raises(StreamError, match="invalid-from"):
        claimed("@example.net")


def test_which_resource_is_wanted():
    def asked(inner):
        return Stanza("iq", f"<iq type='set' id='1'><bind xmlns='{ns.BIND}'>{inner}</bind></iq>".encode())

    assert wanted_resource(asked("<resource>orchard</resource>")) == "orchard"
    assert wanted_resource(asked("")) is None
    assert wanted_resource(asked("<resource/>")) is None
    with pytest.raises(StanzaError, match="bad-request"):
        wanted_resource(asked(f"<resource>{'x' * 1024}</resource>"))
