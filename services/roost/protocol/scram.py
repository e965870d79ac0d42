"""SCRAM: keys derived from a password, and the server's side of the exchange (RFC 5802, RFC 7677)."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from precis_i18n import get_profile

from roost.protocol.errors import SaslFailure

HASHES = {"SCRAM-SHA-512": "sha512", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
"""Mechanisms without -PLUS, strongest first, with their hash's name."""

_ALGORITHMS: dict[str, hashes.HashAlgorithm] = {
    "SCRAM-SHA-512": hashes.SHA512(),
    "SCRAM-SHA-256": hashes.SHA256(),
    "SCRAM-SHA-1": hashes.SHA1(),  # noqa: S303 - HMAC with it is sound, and older clients know no other
}
_SALT_BYTES = 16
_NONCE_BYTES = 18
_password_profile = get_profile("OpaqueString")
_NAME = re.compile("=2C|=3D|=")
_FIRST = re.compile(
    r"(?P<flag>[ny]|p=[A-Za-z0-9.-]+),(?:a=(?P<authzid>[^,]*))?,(?P<bare>n=(?P<name>[^,]+),r=(?P<nonce>[!-+\--~]+)(?:,.*)?)",
    re.S,
)
_FINAL = re.compile(
    r"(?P<without>c=(?P<binding>[A-Za-z0-9+/=]+),r=(?P<nonce>[!-+\--~]+)(?:,.*)?),p=(?P<proof>[A-Za-z0-9+/=]+)",
    re.S,
)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What is kept of a password for one hash (RFC 5802 section 3)."""

    mechanism: str
    """`SCRAM-SHA-1`, `SCRAM-SHA-256` or `SCRAM-SHA-512`."""
    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def prepare_password(password: str) -> bytes:
    """A password's bytes for hashing (RFC 8265 section 4.2); raises SaslFailure when it is none."""
    if password.isascii() and password.isprintable() and password:
        return password.encode()
    try:
        prepared: str = _password_profile.enforce(password)
    except UnicodeError:
        raise SaslFailure("malformed-request", "no password") from None
    return prepared.encode()


def salted(mechanism: str, password: bytes, salt: bytes, iterations: int) -> bytes:
    """The SaltedPassword of RFC 5802 section 3. Takes about a millisecond of CPU: call it in a thread."""
    algorithm = _ALGORITHMS[mechanism]
    # cryptography brings an OpenSSL of its own, which takes half the time of the system's for this
    return PBKDF2HMAC(algorithm, algorithm.digest_size, salt, iterations).derive(password)


def derive(mechanism: str, password: bytes, salt: bytes, iterations: int) -> ScramKeys:
    """What is kept of a prepared password. Takes about a millisecond of CPU: call it in a thread."""
    name = HASHES[mechanism]
    key = salted(mechanism, password, salt, iterations)
    stored_key = hashlib.new(name, hmac.digest(key, b"Client Key", name)).digest()
    return ScramKeys(mechanism, salt, iterations, stored_key, hmac.digest(key, b"Server Key", name))


def derive_all(password: bytes, iterations: int) -> list[ScramKeys]:
    """New keys of a prepared password, one a mechanism. Takes milliseconds: call it in a thread."""
    return [derive(mechanism, password, secrets.token_bytes(_SALT_BYTES), iterations) for mechanism in HASHES]


def invented(mechanism: str, secret: bytes, account: str, iterations: int) -> ScramKeys:
    """Keys for an account that does not exist: the same salt at each try, and no password fits.

    `secret` is the cluster's own. New accounts have `iterations` too; one whose password was set under
    another setting can be told from an invented one by its count, until it is set again.
    """
    salt = hmac.digest(secret, f"{mechanism}\0{account}".encode(), "sha256")[:_SALT_BYTES]
    return ScramKeys(mechanism, salt, iterations, secrets.token_bytes(20), secrets.token_bytes(20))


def verify(keys: ScramKeys, password: bytes) -> bool:
    """Whether a prepared password is the one of `keys`. Takes about a millisecond: call it in a thread."""
    derived = derive(keys.mechanism, password, keys.salt, keys.iterations)
    return hmac.compare_digest(derived.stored_key, keys.stored_key)


class ScramServer:
    """One exchange: client's first message, our challenge, client's final message, our signature."""

    __slots__ = (
        "_bindings",
        "_first",
        "_keys",
        "_nonce",
        "_plus",
        "_plus_offered",
        "_server_first",
        "authzid",
        "name",
    )

    def __init__(self, mechanism: str, bindings: dict[str, bytes], *, plus_offered: bool) -> None:
        """`mechanism` may end in -PLUS; `bindings` is the connection's channel-binding data by type."""
        self._plus = mechanism.endswith("-PLUS")
        self._bindings = bindings
        self._plus_offered = plus_offered
        self._first: re.Match[str] | None = None
        self._keys: ScramKeys | None = None
        self._nonce = ""
        self._server_first = ""
        self.name = ""
        self.authzid = ""

    def first(self, data: bytes) -> None:
        """Take the client's first message: `name` and `authzid` are known then; raises SaslFailure."""
        match = _FIRST.fullmatch(_text(data))
        if match is None:
            raise SaslFailure("malformed-request")
        self._first = match
        self._check_flag(match["flag"])
        self.name = _unescape(match["name"])
        self.authzid = _unescape(match["authzid"] or "")

    def _check_flag(self, flag: str) -> None:
        # RFC 5802 section 6: which binding the client uses, and whether somebody hid ours from it
        if self._plus != flag.startswith("p="):
            raise SaslFailure("malformed-request", "the mechanism and its channel binding do not match")
        if flag == "y" and self._plus_offered:
            raise SaslFailure("not-authorized", "channel binding is supported here")
        if self._plus and flag[2:] not in self._bindings:
            raise SaslFailure("malformed-request", "this type of channel binding is not supported")

    def challenge(self, keys: ScramKeys) -> bytes:
        """The server's first message, once the account's keys are known."""
        assert self._first is not None
        self._keys = keys
        self._nonce = self._first["nonce"] + secrets.token_urlsafe(_NONCE_BYTES)
        salt = b64encode(keys.salt).decode()
        self._server_first = f"r={self._nonce},s={salt},i={keys.iterations}"
        return self._server_first.encode()

    def final(self, data: bytes) -> bytes:
        """Take the client's final message; the server's, or raises SaslFailure."""
        assert self._first is not None
        assert self._keys is not None
        match = _FINAL.fullmatch(_text(data))
        if match is None:
            raise SaslFailure("malformed-request")
        if not hmac.compare_digest(_base64(match["binding"]), self._expected_binding()):
            raise SaslFailure("not-authorized", "the channel binding does not match")
        if not hmac.compare_digest(match["nonce"], self._nonce):
            raise SaslFailure("not-authorized")
        said = ",".join((self._first["bare"], self._server_first, match["without"])).encode()
        return self._signature(said, _base64(match["proof"]))

    def _expected_binding(self) -> bytes:
        assert self._first is not None
        header = self._first.string[: self._first.start("bare")].encode()
        flag = self._first["flag"]
        return header + (self._bindings[flag[2:]] if flag.startswith("p=") else b"")

    def _signature(self, said: bytes, proof: bytes) -> bytes:
        assert self._keys is not None
        name = HASHES[self._keys.mechanism]
        signature = hmac.digest(self._keys.stored_key, said, name)
        if len(proof) != len(signature):
            raise SaslFailure("not-authorized")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        if not hmac.compare_digest(hashlib.new(name, client_key).digest(), self._keys.stored_key):
            raise SaslFailure("not-authorized")
        return b"v=" + b64encode(hmac.digest(self._keys.server_key, said, name))


def _unescape(name: str) -> str:
    # RFC 5802 section 5.1: only =2C and =3D are escapes
    def one(found: re.Match[str]) -> str:
        if found[0] == "=":
            raise SaslFailure("malformed-request")
        return "," if found[0] == "=2C" else "="

    return _NAME.sub(one, name)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SaslFailure("malformed-request") from None


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error:
        raise SaslFailure("malformed-request") from None
