"""How a feature's handlers are found."""

from __future__ import annotations

import pytest

from roost.core.features import Feature, IqKey, IqRequest, iq, iq_handlers
from roost.protocol.jid import Jid
from roost.protocol.xml import element


class Greeting(Feature):
    @iq("get", "urn:hello", "hello", to="server")
    @iq("get", "urn:hello", "hello")
    async def hello(self, request):
        return None

    @iq("set", "urn:hello", "hello")
    async def change(self, request):
        return None


def test_marked_methods_answer():
    feature = Greeting()
    handlers = iq_handlers([feature])
    assert handlers == {
        IqKey("server", "get", "urn:hello", "hello"): feature.hello,
        IqKey("account", "get", "urn:hello", "hello"): feature.hello,
        IqKey("account", "set", "urn:hello", "hello"): feature.change,
    }


def test_two_that_answer_the_same_are_a_mistake():
    with pytest.raises(ValueError, match="two features"):
        iq_handlers([Greeting(), Greeting()])


def test_whose_account_a_request_is_about():
    romeo, juliet = Jid.parse("romeo@example.net/orchard"), Jid.parse("juliet@example.net")
    own = IqRequest(romeo, None, "get", "1", element("x", "urn:x"), "s")
    assert (own.own, own.account) == (True, romeo.bare_jid())
    other = IqRequest(romeo, juliet, "get", "1", element("x", "urn:x"), "s")
    assert (other.own, other.account) == (False, juliet)
    assert IqRequest(romeo, romeo.bare_jid(), "get", "1", element("x", "urn:x"), "s").own


def test_a_feature_offers_nothing_by_itself():
    assert list(Feature().stream_features()) == []
