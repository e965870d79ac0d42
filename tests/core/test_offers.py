"""Stream features: what is offered at each point of the negotiation."""

from __future__ import annotations

import re

import pytest

from roost.core.features import Feature
from roost.core.offers import Offers, StreamRules
from roost.protocol.restricted import Limits
from roost.protocol.xml import element


class Wire:
    def __init__(self, *, secure=False, bindings=()):
        self.secure = secure
        self._bindings = bindings

    def channel_bindings(self):
        return dict.fromkeys(self._bindings, b"")


class Logins:
    """Offers a mechanism, and the channel bindings that there are; counts how often it was asked."""

    asked = 0

    def features(self, wire):
        self.asked += 1
        yield element("mechanisms", "urn:m", {"bindings": " ".join(wire.channel_bindings())})


class Letters(Feature):
    def stream_features(self):
        yield element("letters", "urn:letters")


def offers(logins=None, *, tls_required=True, tls_available=True, registration=True):
    rules = StreamRules(
        domains=frozenset({"example.net"}),
        tls_required=tls_required,
        tls_available=tls_available,
        before=Limits(stanza_bytes=1000),
        after=Limits(stanza_bytes=5000),
        idle_seconds=60,
        close_seconds=5,
        login_attempts=3,
    )
    return Offers(rules, logins or Logins(), (Letters(),), registration=registration)


def names(made):
    return re.findall(
        r"<(starttls|required|mechanisms|register|bind|session|letters|limits)[ />]", made.decode()
    )


@pytest.mark.parametrize(
    ("rules", "wire", "secure", "expected"),
    [
        ({}, Wire(), False, ["starttls", "required", "limits"]),
        ({}, Wire(secure=True), True, ["mechanisms", "register", "limits"]),
        ({"registration": False}, Wire(secure=True), True, ["mechanisms", "limits"]),
        ({"tls_required": False}, Wire(), True, ["starttls", "mechanisms", "register", "limits"]),
        (
            {"tls_required": False, "tls_available": False},
            Wire(),
            True,
            ["mechanisms", "register", "limits"],
        ),
    ],
)
def test_before_a_login(rules, wire, secure, expected):
    made = offers(**rules).at(wire, secure=secure, logged_in=False)
    assert names(made) == expected
    assert b"<max-bytes>1000<" in made


def test_after_a_login():
    made = offers().at(Wire(secure=True), secure=True, logged_in=True)
    assert names(made) == ["bind", "session", "letters", "limits"]
    assert b"<max-bytes>5000<" in made


def test_they_are_made_once_for_each_point():
    logins = Logins()
    made = offers(logins)
    for _ in range(3):
        for bindings in ((), ("tls-exporter",)):
            at = made.at(Wire(secure=True, bindings=bindings), secure=True, logged_in=False)
            assert (b"tls-exporter" in at) is bool(bindings)
    assert logins.asked == 2
