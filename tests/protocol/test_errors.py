"""Errors carry what a peer is told."""

from __future__ import annotations

from roost.protocol.errors import JidMalformed, SaslFailure, StanzaError, StreamError


def test_conditions_and_texts():
    for kind in (StanzaError, StreamError, SaslFailure):
        error = kind("conflict", "why")
        assert (error.condition, error.text, str(error)) == ("conflict", "why", "conflict")


def test_a_malformed_jid_is_a_value_error():
    assert issubclass(JidMalformed, ValueError)
