"""SASL as XMPP carries it (RFC 6120 section 6)."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol.errors import SaslFailure
from roost.protocol.sasl import Challenge, Success, decode, mechanisms, plain


def test_what_is_offered():
    bound = mechanisms({"tls-server-end-point": b"x"})
    assert bound[0] == "SCRAM-SHA-512-PLUS"
    assert bound[-1] == "PLAIN"
    assert mechanisms({}) == ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]


@given(st.binary(min_size=1))
def test_messages_come_through(data):
    assert decode(b64encode(data).decode()) == data
    assert decode(Challenge(data).encoded().decode()) == data
    assert decode(Success(data).encoded().decode()) == data


def test_none_and_empty_are_different():
    assert decode(None) is None
    assert decode("") is None
    assert decode("=") == b""
    assert Success(None).encoded() == b""
    assert Success(b"").encoded() == b"="


@pytest.mark.parametrize("text", ["====", "a", "YWJj\n", "YW Jj", "Ümlaut"])
def test_what_is_no_base64(text):
    with pytest.raises(SaslFailure) as failure:
        decode(text)
    assert failure.value.condition == "incorrect-encoding"


def test_plain():
    assert plain(b"\0juliet\0r0m30myr0m30") == ("", "juliet", "r0m30myr0m30")
    assert plain(b"a@b\0juliet\0secret") == ("a@b", "juliet", "secret")


@given(st.binary())
def test_plain_garbage_fails_by_name(data):
    try:
        said = plain(data)
    except SaslFailure as failure:
        said = failure
    assert getattr(said, "condition", "") == "malformed-request" or "\0".join(said).encode() == data
