"""Where a stanza goes, and what its sender hears when it cannot."""

from __future__ import annotations

import pytest

from figures import told
from roost.core.ports import BusUnavailable
from roost.core.router import Router
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.stanza import Stanza

ROMEO = Jid.parse("romeo@example.net/orchard")
JULIET = Jid.parse("juliet@example.net")


class Bus:
    def __init__(self, taken=1):
        self.taken = taken
        self.calls = []

    def deliver(self, bare, choices, resource, stanza, done, *, store):
        self.calls.append((bare, choices, resource, stanza, store))
        done(self.taken)


def send(kind, type_, to, taken):
    bus, kept, replies = Bus(taken), [], []
    router = Router(bus, frozenset({"example.net"}), kept.append)
    stanza = Stanza(kind, b"<x/>", to=to.full, id="1", type=type_)
    router.send(stanza, b"<stamped/>", ROMEO, to, replies.append)
    return bus.calls, kept, replies


def test_somebody_takes_it():
    assert send("message", "chat", JULIET, 1) == ([(JULIET.bare, "m", "", b"<stamped/>", True)], [], [])


def test_a_message_for_the_absent_is_kept():
    _calls, [kept], replies = send("message", "chat", JULIET.with_resource("balcony"), 0)
    assert (kept.stamped, kept.sender, kept.to.resource) == (b"<stamped/>", ROMEO, "balcony")
    assert replies == []


@pytest.mark.parametrize(("kind", "type_"), [("message", "groupchat"), ("iq", "get"), ("iq", "set")])
def test_what_cannot_wait_is_answered(kind, type_):
    _calls, kept, [reply] = send(kind, type_, JULIET.with_resource("balcony"), 0)
    assert kept == []
    assert b"service-unavailable" in reply


@pytest.mark.parametrize(("kind", "type_"), [("message", "headline"), ("message", "error"), ("iq", "result")])
def test_what_nobody_misses_is_dropped(kind, type_):
    _calls, kept, replies = send(kind, type_, JULIET.with_resource("balcony"), 0)
    assert (kept, replies) == ([], [])


def test_what_no_session_may_get_does_not_reach_the_bus():
    calls, _kept, [reply] = send("message", "groupchat", JULIET, 1)
    assert calls == []
    assert b"service-unavailable" in reply


def test_when_the_bus_cannot_say_the_sender_hears_of_it():
    _calls, kept, [reply] = send("message", "chat", JULIET, BusUnavailable())
    assert kept == []
    assert b"resource-constraint" in reply
    assert send("message", "error", JULIET.with_resource("x"), BusUnavailable())[2] == []


def test_addresses():
    router = Router(Bus(), frozenset({"example.net"}), lambda _message: None)
    assert router.address("Juliet@EXAMPLE.net") == JULIET
    for to, condition in (("@@", "jid-malformed"), ("someone@elsewhere.example", "remote-server-not-found")):
        with pytest.raises(StanzaError) as error:
            router.address(to)
        assert error.value.condition == condition


def test_outcomes_are_counted_by_kind():
    bus = Bus()
    router = Router(bus, frozenset({"example.net"}), lambda _message: None)

    def send(kind, type_, taken):
        bus.taken = taken
        stanza = Stanza(kind, b"<x/>", to=JULIET.full, id="1", type=type_)
        router.send(stanza, b"<x/>", ROMEO, JULIET.with_resource("balcony"), lambda _reply: None)

    for what in (
        ("message", "chat", 1),
        ("message", "chat", 0),
        ("message", "headline", 0),
        ("iq", "get", 2),
    ):
        send(*what)
    for type_ in ("get", "result"):
        send("iq", type_, BusUnavailable())
    assert told(router, "stanzas_routed") == {
        ("message", "delivered"): 1,
        ("message", "absent"): 2,
        ("message", "failed"): 0,
        ("iq", "delivered"): 1,
        ("iq", "absent"): 0,
        ("iq", "failed"): 2,
    }
    assert told(router, "drops") == {"nobody": 1, "unanswerable": 1}
