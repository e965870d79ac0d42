"""The errors a peer can be told: RFC 6120 section 4.9.3 (stream), 8.3.3 (stanza), 6.5 (SASL)."""

from __future__ import annotations

# RFC 6120 section 8.3.3: each defined condition with the error type it recommends
STANZA_ERROR_TYPES = {
    "bad-request": "modify",
    "conflict": "cancel",
    "feature-not-implemented": "cancel",
    "forbidden": "auth",
    "gone": "cancel",
    "internal-server-error": "cancel",
    "item-not-found": "cancel",
    "jid-malformed": "modify",
    "not-acceptable": "modify",
    "not-allowed": "cancel",
    "not-authorized": "auth",
    "policy-violation": "modify",
    "recipient-unavailable": "wait",
    "redirect": "modify",
    "registration-required": "auth",
    "remote-server-not-found": "cancel",
    "remote-server-timeout": "wait",
    "resource-constraint": "wait",
    "service-unavailable": "cancel",
    "subscription-required": "auth",
    "undefined-condition": "cancel",
    "unexpected-request": "wait",
}


class StanzaError(Exception):
    """An error answered to one stanza; the stream lives on (RFC 6120 section 8.3)."""

    def __init__(self, condition: str, text: str = "", *, type: str | None = None) -> None:
        """`condition` is a defined condition of section 8.3.3; `type` overrides its usual error type."""
        super().__init__(condition)
        self.condition = condition
        self.type = type or STANZA_ERROR_TYPES[condition]
        self.text = text


class StreamError(Exception):
    """An error that ends the stream (RFC 6120 section 4.9)."""

    def __init__(self, condition: str, text: str = "") -> None:
        """`condition` is a defined condition of section 4.9.3; `text` tells a developer what was wrong."""
        super().__init__(condition)
        self.condition = condition
        self.text = text


class SaslFailure(Exception):  # noqa: N818 - the RFC's own word
    """A failed authentication; the client may try again (RFC 6120 section 6.5)."""

    def __init__(self, condition: str, text: str = "") -> None:
        """`condition` is a defined condition of section 6.5."""
        super().__init__(condition)
        self.condition = condition
        self.text = text


class JidMalformed(ValueError):  # noqa: N818 - the RFC's own word
    """A string that is no JID (RFC 7622)."""
