"""What a client may send when: the negotiation of a stream as one table (RFC 6120 section 4.3)."""

from __future__ import annotations

from enum import Enum

from roost.protocol import namespaces as ns
from roost.protocol.errors import StreamError
from roost.protocol.framing import Nonza
from roost.protocol.stanza import Stanza


class Phase(Enum):
    """How far a stream has come."""

    PLAIN = "plain"
    """No TLS yet."""
    SECURE = "secure"
    """TLS, or none asked for; not authenticated."""
    EXCHANGE = "exchange"
    """In the middle of a SASL exchange."""
    AUTHENTICATED = "authenticated"
    """No resource yet."""
    BOUND = "bound"
    """A session: stanzas flow."""


class Step(Enum):
    """What an element asks for."""

    TLS = "tls"
    AUTHENTICATE = "authenticate"
    RESPOND = "respond"
    ABORT = "abort"
    REGISTER = "register"
    BIND = "bind"
    STANZA = "stanza"
    TLS_FIRST = "tls-first"
    """SASL before TLS where TLS is required."""


_STARTTLS = f"{ns.TLS}}}starttls"
_AUTH = f"{ns.SASL}}}auth"
_RESPONSE = f"{ns.SASL}}}response"
_ABORT = f"{ns.SASL}}}abort"
_REGISTER = f"iq {ns.REGISTER}}}query"
_BIND = f"iq {ns.BIND}}}bind"

TABLE: dict[tuple[Phase, str], Step] = {
    (Phase.PLAIN, _STARTTLS): Step.TLS,
    (Phase.PLAIN, _AUTH): Step.TLS_FIRST,
    (Phase.SECURE, _AUTH): Step.AUTHENTICATE,
    (Phase.SECURE, _STARTTLS): Step.TLS,
    (Phase.SECURE, _REGISTER): Step.REGISTER,
    (Phase.EXCHANGE, _RESPONSE): Step.RESPOND,
    (Phase.EXCHANGE, _ABORT): Step.ABORT,
    (Phase.EXCHANGE, _AUTH): Step.AUTHENTICATE,
    (Phase.AUTHENTICATED, _BIND): Step.BIND,
    (Phase.BOUND, "message"): Step.STANZA,
    (Phase.BOUND, "presence"): Step.STANZA,
    (Phase.BOUND, "iq"): Step.STANZA,
}


def step(phase: Phase, received: Stanza | Nonza) -> Step:
    """What `received` asks for in `phase`; raises the StreamError that answers what has no place there."""
    found = TABLE.get((phase, _name(phase, received)))
    if found is not None:
        return found
    if isinstance(received, Stanza):
        # RFC 6120 section 4.9.3.12: stanzas before authentication, or before a resource is bound
        raise StreamError("not-authorized")
    if received.name.startswith((ns.SASL, ns.TLS)):
        raise StreamError("policy-violation", "not at this point of the negotiation")
    namespace, _, _local = received.name.rpartition("}")
    if namespace == ns.CLIENT:
        raise StreamError("unsupported-stanza-type")
    raise StreamError("unsupported-stanza-type" if namespace else "invalid-namespace")


def _name(phase: Phase, received: Stanza | Nonza) -> str:
    if isinstance(received, Nonza):
        return received.name
    if phase is Phase.BOUND or received.kind != "iq":
        return received.kind
    return f"iq {received.payload}"
