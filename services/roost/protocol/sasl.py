"""SASL as XMPP carries it (RFC 6120 section 6): what is offered, and how messages are encoded."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from roost.protocol.errors import SaslFailure
from roost.protocol.scram import HASHES

PLAIN = "PLAIN"


@dataclass(frozen=True, slots=True)
class Challenge:
    """The server's message in the middle of an exchange."""

    data: bytes

    def encoded(self) -> bytes:
        """As the content of `<challenge/>`."""
        return b64encode(self.data)


@dataclass(frozen=True, slots=True)
class Success:
    """The end of an exchange that went well, with what the mechanism says last, if anything."""

    data: bytes | None

    def encoded(self) -> bytes:
        """As the content of `<success/>`."""
        if self.data is None:
            return b""
        return b64encode(self.data) or b"="  # RFC 6120 section 6.4.6: said, but empty


def mechanisms(bindings: dict[str, bytes]) -> list[str]:
    """What is offered on a secure stream, best first; `bindings` is its channel-binding data by type."""
    plus = [f"{name}-PLUS" for name in HASHES] if bindings else []
    return [*plus, *HASHES, PLAIN]


def decode(text: str | None) -> bytes | None:
    """A message's bytes; None for no message, empty for `=` (RFC 6120 section 6.4.2). Raises SaslFailure."""
    if not text:
        return None
    if text == "=":
        return b""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise SaslFailure("incorrect-encoding") from None


def plain(data: bytes) -> tuple[str, str, str]:
    """PLAIN's message as (authzid, name, password) (RFC 4616 section 2); raises SaslFailure."""
    try:
        authzid, name, password = data.decode().split("\0")
    except ValueError:
        raise SaslFailure("malformed-request") from None
    if not name or not password:
        raise SaslFailure("malformed-request")
    return authzid, name, password
