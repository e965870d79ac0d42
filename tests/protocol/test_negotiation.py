"""What a client may send when, row by row; everything else has its stream error."""

from __future__ import annotations

import pytest

from roost.protocol import namespaces as ns
from roost.protocol.errors import StreamError
from roost.protocol.framing import Nonza
from roost.protocol.negotiation import Phase, Step, step
from roost.protocol.stanza import Stanza


def nonza(namespace, local):
    return Nonza(f"{namespace}}}{local}", b"")


def iq(namespace, local):
    return Stanza("iq", b"", type="set", id="1", payload=f"{namespace}}}{local}")


STARTTLS, AUTH = nonza(ns.TLS, "starttls"), nonza(ns.SASL, "auth")
RESPONSE, ABORT = nonza(ns.SASL, "response"), nonza(ns.SASL, "abort")
BIND, REGISTER, MESSAGE = iq(ns.BIND, "bind"), iq(ns.REGISTER, "query"), Stanza("message", b"")
ALLOWED = {
    (Phase.PLAIN, STARTTLS): Step.TLS,
    (Phase.PLAIN, AUTH): Step.TLS_FIRST,
    (Phase.SECURE, STARTTLS): Step.TLS,
    (Phase.SECURE, AUTH): Step.AUTHENTICATE,
    (Phase.SECURE, REGISTER): Step.REGISTER,
    (Phase.EXCHANGE, RESPONSE): Step.RESPOND,
    (Phase.EXCHANGE, ABORT): Step.ABORT,
    (Phase.EXCHANGE, AUTH): Step.AUTHENTICATE,
    (Phase.AUTHENTICATED, BIND): Step.BIND,
    (Phase.BOUND, BIND): Step.STANZA,
    (Phase.BOUND, REGISTER): Step.STANZA,
    (Phase.BOUND, MESSAGE): Step.STANZA,
}
EVERYTHING = [STARTTLS, AUTH, RESPONSE, ABORT, BIND, REGISTER, MESSAGE]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(
    "received", EVERYTHING, ids=["starttls", "auth", "response", "abort", "bind", "register", "message"]
)
def test_every_element_in_every_phase(phase, received):
    expected = ALLOWED.get((phase, received))
    if expected is not None:
        assert step(phase, received) is expected
        return
    with pytest.raises(StreamError) as refused:
        step(phase, received)
    assert refused.value.condition == (
        "not-authorized" if isinstance(received, Stanza) else "policy-violation"
    )


@pytest.mark.parametrize("phase", Phase)
def test_what_xmpp_does_not_know(phase):
    with pytest.raises(StreamError) as refused:
        step(phase, nonza("urn:example", "hello"))
    assert refused.value.condition == "unsupported-stanza-type"
