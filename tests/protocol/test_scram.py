"""SCRAM: the RFCs' own exchanges, and what a server must not let pass."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from base64 import b64decode, b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost.protocol import scram
from roost.protocol.errors import SaslFailure
from roost.protocol.scram import HASHES, ScramServer, derive, derive_all, invented, prepare_password, verify

BINDINGS = {"tls-server-end-point": b"\x01" * 32, "tls-exporter": b"\x02" * 32}


class Client:
    """A client's side, written from RFC 5802 section 3."""

    def __init__(self, mechanism, name="juliet", password=b"secret", *, flag="n", authzid="", binding=b""):
        self.hash = HASHES[mechanism.removesuffix("-PLUS")]
        self.password = password
        self.header = f"{flag},{'a=' + authzid if authzid else ''},"
        self.binding = binding
        self.bare = f"n={name},r=clientnonce"

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, challenge):
        fields = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = hashlib.pbkdf2_hmac(self.hash, self.password, b64decode(fields["s"]), int(fields["i"]))
        key = hmac.digest(salted, b"Client Key", self.hash)
        without = f"c={b64encode(self.header.encode() + self.binding).decode()},r={fields['r']}"
        said = ",".join((self.bare, challenge.decode(), without)).encode()
        signature = hmac.digest(hashlib.new(self.hash, key).digest(), said, self.hash)
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        self.expected = b"v=" + b64encode(
            hmac.digest(hmac.digest(salted, b"Server Key", self.hash), said, self.hash)
        )
        return f"{without},p={b64encode(proof).decode()}".encode()


def exchange(client, mechanism, *, bindings=None, plus_offered=False, keys=None):
    server = ScramServer(mechanism, bindings or {}, plus_offered=plus_offered)
    server.first(client.first())
    base = mechanism.removesuffix("-PLUS")
    challenge = server.challenge(keys or derive(base, b"secret", b"salt" * 4, 4096))
    return server.final(client.final(challenge)) == client.expected


@pytest.mark.parametrize(
    ("mechanism", "salt", "nonce", "first", "final", "signature"),
    [
        (
            "SCRAM-SHA-1",
            "QSXCR+Q6sek8bf92",
            "3rfcNHYJY1ZVvWVs7j",
            b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        ),
        (
            "SCRAM-SHA-256",
            "W22ZaJ0SNY7soEsUEjb6gQ==",
            "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
            b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ),
    ],
)
def test_the_exchanges_of_the_rfcs(monkeypatch, mechanism, salt, nonce, first, final, signature):
    """RFC 5802 section 5 and RFC 7677 section 3."""
    monkeypatch.setattr(scram.secrets, "token_urlsafe", lambda _size: nonce)
    server = ScramServer(mechanism, {}, plus_offered=False)
    server.first(first)
    assert server.name == "user"
    server.challenge(derive(mechanism, b"pencil", b64decode(salt), 4096))
    assert server.final(final) == signature


@pytest.mark.parametrize("mechanism", HASHES)
def test_each_mechanism(mechanism):
    assert exchange(Client(mechanism), mechanism)
    assert exchange(Client(mechanism, flag="y"), mechanism)


@pytest.mark.parametrize("mechanism", HASHES)
@pytest.mark.parametrize("kind", BINDINGS)
def test_channel_binding(mechanism, kind):
    client = Client(mechanism, flag=f"p={kind}", binding=BINDINGS[kind])
    assert exchange(client, f"{mechanism}-PLUS", bindings=BINDINGS, plus_offered=True)


@pytest.mark.parametrize(
    ("client", "mechanism", "condition"),
    [
        (Client("SCRAM-SHA-1", password=b"wrong"), "SCRAM-SHA-1", "not-authorized"),
        # somebody in the middle with a certificate of their own
        (
            Client("SCRAM-SHA-1", flag="p=tls-exporter", binding=b"other"),
            "SCRAM-SHA-1-PLUS",
            "not-authorized",
        ),
        # somebody in the middle who hid that binding is offered (RFC 5802 section 6)
        (Client("SCRAM-SHA-1", flag="y"), "SCRAM-SHA-1", "not-authorized"),
        (Client("SCRAM-SHA-1", flag="p=tls-unique", binding=b"x"), "SCRAM-SHA-1-PLUS", "malformed-request"),
        (Client("SCRAM-SHA-1", flag="n"), "SCRAM-SHA-1-PLUS", "malformed-request"),
        (Client("SCRAM-SHA-1", flag="p=tls-exporter"), "SCRAM-SHA-1", "malformed-request"),
        (Client("SCRAM-SHA-1", name="a=b"), "SCRAM-SHA-1", "malformed-request"),
    ],
)
def test_what_must_not_pass(client, mechanism, condition):
    with pytest.raises(SaslFailure) as failure:
        exchange(client, mechanism, bindings=BINDINGS, plus_offered=True)
    assert failure.value.condition == condition


def test_names_are_unescaped():
    server = ScramServer("SCRAM-SHA-1", {}, plus_offered=False)
    server.first(b"n,a=me=3Dyou,n=a=2Cb=3Dc,r=x")
    assert (server.name, server.authzid) == ("a,b=c", "me=you")


@given(st.binary(max_size=80), st.binary(max_size=80))
@settings(max_examples=300)
def test_garbage_fails_by_name(first, final):
    with contextlib.suppress(SaslFailure):
        ScramServer("SCRAM-SHA-256", {}, plus_offered=False).first(first)
    server = ScramServer("SCRAM-SHA-256", {}, plus_offered=False)
    server.first(b"n,,n=juliet,r=x")
    server.challenge(derive("SCRAM-SHA-256", b"secret", b"salt", 1))
    with pytest.raises(SaslFailure):
        server.final(final)


def test_another_nonce_is_refused():
    server = ScramServer("SCRAM-SHA-1", {}, plus_offered=False)
    client = Client("SCRAM-SHA-1")
    server.first(client.first())
    challenge = server.challenge(derive("SCRAM-SHA-1", b"secret", b"salt", 1))
    with pytest.raises(SaslFailure):
        server.final(client.final(challenge.replace(b"clientnonce", b"clientnoncf", 1)))


def test_keys_are_of_the_password_and_their_salts_differ():
    keys = derive_all(b"secret", 4096)
    assert [one.mechanism for one in keys] == list(HASHES)
    assert all(verify(one, b"secret") and not verify(one, b"other") for one in keys)
    assert len({one.salt for one in keys}) == 3
    assert not any(b"secret" in (one.salt, one.stored_key, one.server_key) for one in keys)


def test_invented_keys_look_like_an_accounts():
    """The same salt at each try, another for another name, and no password fits."""
    one, again = (invented("SCRAM-SHA-256", b"s" * 32, "nobody@example.net", 4096) for _ in range(2))
    other = invented("SCRAM-SHA-256", b"s" * 32, "nobody2@example.net", 4096)
    real = derive_all(b"secret", 4096)[1]
    assert one.salt == again.salt != other.salt
    assert (len(one.salt), one.iterations) == (len(real.salt), real.iterations)
    assert not verify(one, b"secret")


def test_passwords_are_prepared():
    assert prepare_password("secret") == b"secret"
    assert prepare_password("pa\u00a0ss") == b"pa ss"  # RFC 8265 section 4.2.2
    for text in ("", "a\x00b"):
        with pytest.raises(SaslFailure):
            prepare_password(text)
