"""Iqs to features: results, errors, and a handler that fails."""

from __future__ import annotations

import asyncio

import pytest

from roost.core.features import Feature, iq
from roost.core.iq import IqDispatcher
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.protocol.errors import StanzaError
from roost.protocol.framing import Framer
from roost.protocol.jid import Jid
from roost.protocol.restricted import Limits
from roost.protocol.xml import element, parse

ROMEO = Jid.parse("romeo@example.net/orchard")
SERVER = Jid.parse("example.net")
OPEN = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


class Asked(Feature):
    def __init__(self, outcome=None):
        self.outcome = outcome

    @iq("get", "urn:x", "q", to="server")
    async def question(self, request):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def answer(feature, inner="<q xmlns='urn:x'/>", to=SERVER, bugs=None):
    framer = Framer(Limits())
    framer.feed(OPEN)
    raw = f"<iq type='get' id='1' to='{to}'>{inner}</iq>".encode()
    [stanza] = framer.feed(raw)
    dispatcher = IqDispatcher(
        [feature], lambda where, bug: (bugs if bugs is not None else []).append((where, bug))
    )
    return parse(asyncio.run(dispatcher.answer(stanza, ROMEO, to, "sid")))


def condition(reply):
    return reply.find("{jabber:client}error")[0].tag.rpartition("}")[2]


def test_a_handler_returns_the_payload():
    reply = answer(Asked(element("q", "urn:x", text="42")))
    assert (reply.get("type"), reply.get("id"), reply.get("from")) == ("result", "1", "example.net")
    assert reply.get("to") == ROMEO.full
    assert reply[0].text == "42"
    assert len(answer(Asked())) == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StanzaError("forbidden"), "forbidden"),
        (BusUnavailable(), "resource-constraint"),
        (StoreUnavailable(), "resource-constraint"),
    ],
)
def test_a_handler_raises(error, expected):
    assert condition(answer(Asked(error))) == expected


def test_a_bug_is_contained_and_not_shown():
    bugs = []
    reply = answer(Asked(KeyError("secret")), bugs=bugs)
    assert condition(reply) == "internal-server-error"
    assert "secret" not in "".join(reply.itertext())
    assert isinstance(bugs[0][1], KeyError)


@pytest.mark.parametrize("inner", ["<other xmlns='urn:x'/>", "<q xmlns='urn:y'/>"])
def test_what_nobody_answers(inner):
    assert condition(answer(Asked(), inner)) == "service-unavailable"


def test_an_iq_has_one_child():
    for inner in ("", "<q xmlns='urn:x'/><q xmlns='urn:x'/>"):
        assert condition(answer(Asked(), inner)) == "bad-request"


def test_an_account_is_not_the_server():
    assert condition(answer(Asked(), to=ROMEO.bare_jid())) == "service-unavailable"
