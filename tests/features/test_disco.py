"""XEP-0030 and XEP-0115."""

from __future__ import annotations

import asyncio

import pytest

from roost.core.features import IqRequest
from roost.features.disco import Discovery
from roost.features.ping import Ping
from roost.protocol import namespaces as ns
from roost.protocol.caps import verification
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.xml import element

ROMEO, JULIET = Jid.parse("romeo@example.net/orchard"), Jid.parse("juliet@example.net")


def request(to, node=None, space=ns.DISCO_INFO):
    return IqRequest(
        ROMEO, to, "get", "1", element("query", space, {} if node is None else {"node": node}), "s"
    )


def features(query):
    return {one.get("var") for one in query if "var" in one.attrib}


def test_the_server_says_what_its_features_say():
    info = asyncio.run(Discovery("Roost", [Ping()]).server_info(request(Jid.parse("example.net"))))
    assert (info[0].get("category"), info[0].get("type"), info[0].get("name")) == ("server", "im", "Roost")
    assert features(info) >= {ns.PING, ns.DISCO_INFO, ns.DISCO_ITEMS}


def test_the_capabilities_in_the_stream_are_those_of_the_answer():
    disco = Discovery("Roost", [Ping()])
    [caps] = disco.stream_features()
    node = f"{caps.get('node')}#{caps.get('ver')}"
    info = asyncio.run(disco.server_info(request(Jid.parse("example.net"), node)))
    assert info.get("node") == node
    assert verification(info) == caps.get("ver")


def test_an_unknown_node():
    for ask in (Discovery("Roost", []).server_info, Discovery("Roost", []).account_info):
        with pytest.raises(StanzaError) as error:
            asyncio.run(ask(request(None, "what")))
        assert error.value.condition == "item-not-found"


def test_an_account_is_described_to_its_owner_alone():
    """XEP-0030 section 8: strangers cannot tell whether an account exists."""
    disco = Discovery("Roost", [Ping()])
    assert ns.PING in features(asyncio.run(disco.account_info(request(None))))
    for ask in (disco.account_info, disco.account_items):
        with pytest.raises(StanzaError) as error:
            asyncio.run(ask(request(JULIET)))
        assert error.value.condition == "service-unavailable"


def test_items():
    disco = Discovery("Roost", [])
    assert len(asyncio.run(disco.server_items(request(Jid.parse("example.net"), space=ns.DISCO_ITEMS)))) == 0
    assert len(asyncio.run(disco.account_items(request(None, space=ns.DISCO_ITEMS)))) == 0
