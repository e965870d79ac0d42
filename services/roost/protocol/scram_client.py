"""SCRAM: the client's side of the exchange (RFC 5802, RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import NamedTuple

from roost.protocol.errors import SaslFailure
from roost.protocol.scram import HASHES, prepare_password, salted

_GS2 = b"n,,"  # RFC 5802 section 7: no channel binding
_NONCE_BYTES = 18
_CHALLENGE = re.compile(
    r"r=(?P<nonce>[!-+\--~]+),s=(?P<salt>[A-Za-z0-9+/=]+),i=(?P<rounds>[1-9][0-9]{0,6})(?:,.*)?", re.S
)


class ClientKeys(NamedTuple):
    """What a client makes of a password, and may keep (RFC 5802 section 3)."""

    client_key: bytes
    server_key: bytes


def derive(mechanism: str, password: bytes, salt: bytes, iterations: int) -> ClientKeys:
    """The keys of a prepared password. Takes about a millisecond of CPU."""
    name = HASHES[mechanism]
    key = salted(mechanism, password, salt, iterations)
    return ClientKeys(hmac.digest(key, b"Client Key", name), hmac.digest(key, b"Server Key", name))


Derive = Callable[[str, bytes, bytes, int], ClientKeys]
"""`derive`, or what remembers its results: takes the mechanism, prepared password, salt and iterations."""


class ScramClient:
    """One exchange: our first message, the server's challenge, our proof, the server's signature."""

    def __init__(self, mechanism: str, name: str, password: str, derive: Derive = derive) -> None:
        """`mechanism` is one of `scram.HASHES`; raises SaslFailure for what is no password."""
        self._mechanism = mechanism
        self._hash = HASHES[mechanism]
        self._derive = derive
        self._password = prepare_password(password)
        self._nonce = secrets.token_urlsafe(_NONCE_BYTES)
        self._bare = f"n={_escape(name)},r={self._nonce}".encode()
        self._signature = b""

    def first(self) -> bytes:
        """The first message."""
        return _GS2 + self._bare

    def final(self, challenge: bytes) -> bytes:
        """The answer to the server's first message; raises SaslFailure. Takes as long as `derive`."""
        found = _CHALLENGE.fullmatch(challenge.decode("utf-8", "replace"))
        if found is None or not found["nonce"].startswith(self._nonce):
            raise SaslFailure("malformed-request", "the server's challenge is not one")
        without = f"c={b64encode(_GS2).decode()},r={found['nonce']}".encode()
        said = b",".join((self._bare, challenge, without))
        salt, iterations = _base64(found["salt"]), int(found["rounds"])
        keys = self._derive(self._mechanism, self._password, salt, iterations)
        self._signature = self._keyed(keys.server_key, said)
        mask = self._keyed(hashlib.new(self._hash, keys.client_key).digest(), said)
        proof = bytes(a ^ b for a, b in zip(keys.client_key, mask, strict=True))
        return without + b",p=" + b64encode(proof)

    def check(self, final: bytes) -> None:
        """Take the server's last message; raises SaslFailure unless it knows the password's keys."""
        if not hmac.compare_digest(final, b"v=" + b64encode(self._signature)):
            raise SaslFailure("not-authorized", "the server does not know the password")

    def _keyed(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._hash)


def _escape(name: str) -> str:
    # RFC 5802 section 5.1
    return name.replace("=", "=3D").replace(",", "=2C")


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        raise SaslFailure("malformed-request", "the server's challenge is not one") from None
