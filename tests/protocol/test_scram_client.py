"""The client's side of SCRAM against the server's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol import scram, scram_client
from roost.protocol.errors import SaslFailure
from roost.protocol.scram import HASHES, ScramServer
from roost.protocol.scram_client import ScramClient

ROUNDS = 4096
printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)


def exchange(mechanism, name, password, known):
    """What the server takes the client's name for, after both sides have proved what they know."""
    client = ScramClient(mechanism, name, password)
    server = ScramServer(mechanism, {}, plus_offered=False)
    server.first(client.first())
    keys = scram.derive(mechanism, scram.prepare_password(known), b"salt", ROUNDS)
    client.check(server.final(client.final(server.challenge(keys))))
    return server.name


@given(st.sampled_from(list(HASHES)), printable, printable)
def test_whoever_knows_the_password_gets_in(mechanism, name, password):
    assert exchange(mechanism, name, password, password) == name


def test_nobody_else_does():
    with pytest.raises(SaslFailure, match="not-authorized"):
        exchange("SCRAM-SHA-256", "romeo", "sesame", "open")


def test_a_server_that_does_not_know_the_password_is_noticed():
    client = ScramClient("SCRAM-SHA-256", "romeo", "sesame")
    server = ScramServer("SCRAM-SHA-256", {}, plus_offered=False)
    server.first(client.first())
    keys = scram.derive("SCRAM-SHA-256", b"sesame", b"salt", ROUNDS)
    client.final(server.challenge(keys))
    with pytest.raises(SaslFailure, match="not-authorized"):
        client.check(b"v=c2VzYW1l")


def test_keys_that_were_kept_serve_in_the_password_s_place():
    kept = scram_client.derive("SCRAM-SHA-256", b"sesame", b"salt", ROUNDS)
    asked = []

    def recalled(*what):
        asked.append(what)
        return kept

    client = ScramClient("SCRAM-SHA-256", "romeo", "sesame", recalled)
    server = ScramServer("SCRAM-SHA-256", {}, plus_offered=False)
    server.first(client.first())
    keys = scram.derive("SCRAM-SHA-256", b"sesame", b"salt", ROUNDS)
    client.check(server.final(client.final(server.challenge(keys))))
    assert asked == [("SCRAM-SHA-256", b"sesame", b"salt", ROUNDS)]


@pytest.mark.parametrize("challenge", [b"", b"r=other,s=c2FsdA==,i=4096", b"\xff", b"r=,s=c2FsdA==,i=0"])
def test_what_is_no_challenge_is_refused(challenge):
    with pytest.raises(SaslFailure, match="malformed-request"):
        ScramClient("SCRAM-SHA-1", "romeo", "sesame").final(challenge)


def test_a_salt_must_be_base64():
    client = ScramClient("SCRAM-SHA-1", "romeo", "sesame")
    nonce = client.first().decode().partition("r=")[2]
    with pytest.raises(SaslFailure, match="malformed-request"):
        client.final(f"r={nonce}x,s=c2FsdA=x,i=4096".encode())
