"""Stanzas: what is done to their bytes, and the errors that answer them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol import namespaces as ns
from roost.protocol.errors import STANZA_ERROR_TYPES, StanzaError
from roost.protocol.stanza import Stanza, error_reply, insert_attributes, iq_result, without_attribute
from roost.protocol.xml import child, element, escape_attribute, parse


@pytest.mark.parametrize("kind", ["message", "presence", "iq"])
@pytest.mark.parametrize("rest", [" to='a@b'>x</{}>", "/>", ">y</{}>", "\n id='1' />"])
def test_attributes_go_in_and_nothing_else_changes(kind, rest):
    raw = f"<{kind}{rest.format(kind)}".encode()
    stamped = insert_attributes(raw, b" from='r@s/t'")
    assert parse(stamped).get("from") == "r@s/t"
    assert stamped.replace(b" from='r@s/t'", b"", 1) == raw


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=20))
def test_an_attribute_comes_out_again(value):
    quoted = escape_attribute(value).encode()
    raw = b"<message id=\" from='x'\" to='a@b'><x from='stays'/></message>"
    assert without_attribute(insert_attributes(raw, b" from='%b'" % quoted), b"from") == raw


def test_an_attribute_that_is_not_there():
    assert without_attribute(b"<presence/>", b"from") == b"<presence/>"


def test_the_error_that_answers():
    """RFC 6120 section 8.3.1: addresses turned round, the id kept, a type and a condition."""
    stanza = Stanza("message", b"<message/>", to="juliet@example.net", id="m1", type="chat")
    tree = parse(
        error_reply(stanza, StanzaError("jid-malformed", "no <such> thing"), "romeo@example.net/orchard")
    )
    assert (tree.get("type"), tree.get("id")) == ("error", "m1")
    assert (tree.get("from"), tree.get("to")) == ("juliet@example.net", "romeo@example.net/orchard")
    error = child(tree, "error", ns.CLIENT)
    assert error.get("type") == "modify"
    assert child(error, "jid-malformed", ns.STANZA_ERRORS) is not None
    assert child(error, "text", ns.STANZA_ERRORS).text == "no <such> thing"


@pytest.mark.parametrize("condition", STANZA_ERROR_TYPES)
def test_every_condition_has_its_type(condition):
    assert StanzaError(condition).type == STANZA_ERROR_TYPES[condition]
    assert StanzaError(condition, type="wait").type == "wait"


def test_results():
    tree = parse(iq_result("a'1", "romeo@example.net", None, element("ping", ns.PING)))
    assert (tree.get("type"), tree.get("id"), tree.get("from")) == ("result", "a'1", None)
    assert child(tree, "ping", ns.PING) is not None
    assert parse(iq_result("1", None, "example.net")).get("to") is None
