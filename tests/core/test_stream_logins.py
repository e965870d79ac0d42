"""How a client's stream gets a session: logins, accounts made before one, and resources."""

from __future__ import annotations

import re

import pytest

from play.stage import play
from roost.core.ports import Bound
from roost.protocol import namespaces as ns
from streams import ATTEMPTS, BIND, DOMAIN, OPEN, REGISTER, STARTTLS, Scene, auth, condition

# --- logins: RFC 6120 section 6 ---


@play
async def test_a_login():
    scene = await Scene().opened()
    assert await scene.ask(auth()) == f"<success xmlns='{ns.SASL}'></success>"
    assert scene.stream.authenticated
    assert scene.wire.logins == 1
    assert scene.counts == [("logins", "success")]


@play
async def test_a_failed_login_may_be_tried_again():
    scene = await Scene().opened()
    assert "<not-authorized/>" in await scene.ask(auth("wrong"))
    assert not scene.stream.authenticated
    assert "<success" in await scene.ask(auth())
    assert scene.counts == [("logins", "not-authorized"), ("logins", "success")]


@play
async def test_too_many_failed_logins_end_the_stream():
    """Section 6.4.5: the last one has its answer, then there is an end."""
    scene = await Scene().opened()
    for _ in range(ATTEMPTS - 1):
        assert "stream:error" not in await scene.ask(auth("wrong"))
    said = await scene.ask(auth("wrong"))
    assert said.startswith(f"<failure xmlns='{ns.SASL}'><not-authorized/>")
    assert condition(said) == "policy-violation"


@play
async def test_guesses_that_do_not_wait_for_their_answers_count_too():
    scene = await Scene().opened()
    said = await scene.ask(*(auth("wrong") for _ in range(50)), auth())
    assert said.count("<failure") == ATTEMPTS
    assert condition(said) == "policy-violation"
    assert not scene.stream.authenticated


@play
async def test_an_aborted_login():
    """Section 6.4.4."""
    scene = await Scene().exchanging()
    assert (
        await scene.ask(f"<abort xmlns='{ns.SASL}'/>") == f"<failure xmlns='{ns.SASL}'><aborted/></failure>"
    )
    assert "<success" in await scene.ask(auth())


@play
async def test_what_was_aborted_is_not_gone_on_with():
    scene = await Scene().exchanging()
    await scene.ask(f"<abort xmlns='{ns.SASL}'/>")
    assert await scene.fails(f"<response xmlns='{ns.SASL}'/>") == "policy-violation"


@play
async def test_another_login_takes_the_place_of_the_one_begun():
    scene = await Scene().exchanging()
    assert "<success" in await scene.ask(auth())


@play
async def test_a_response_that_is_wrong_begins_anew():
    scene = await Scene().exchanging()
    assert "<malformed-request/>" in await scene.ask(f"<response xmlns='{ns.SASL}'>AAAA</response>")
    assert await scene.fails(f"<response xmlns='{ns.SASL}'/>") == "policy-violation"


@play
async def test_no_login_before_tls_where_it_is_required():
    """Section 6.5.5: the stream lives, and TLS is still to be had."""
    scene = await Scene(tls_required=True).opened()
    assert "<encryption-required/>" in await scene.ask(auth())
    assert scene.cluster.done == []
    assert "<proceed" in await scene.ask(STARTTLS)


@play
async def test_an_unknown_mechanism():
    scene = await Scene().opened()
    said = await scene.ask(f"<auth xmlns='{ns.SASL}' mechanism='TELEPATHY'/>")
    assert "<invalid-mechanism/>" in said


@play
async def test_more_is_let_through_after_a_login():
    big = f"<message to='juliet@{DOMAIN}'><body>{'x' * 2000}</body></message>"
    assert await (await Scene().opened()).fails(big) == "policy-violation"
    scene = await Scene().session()
    assert await scene.ask(big) == ""
    assert len(scene.cluster.sent) == 1


# --- registration before a login: XEP-0077 ---


@play
async def test_an_account_may_be_asked_for_before_a_login():
    scene = await Scene().opened()
    said = await scene.ask(REGISTER)
    assert said.startswith("<iq type='result' id='r' from='example.net'>")
    assert "<username/>" in said
    refused = await scene.ask(REGISTER.replace("'get'", "'set'"))
    assert "<conflict" in refused
    assert "from='example.net'" in refused
    assert "<success" in await scene.ask(auth())


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"registration": False}, REGISTER),
        ({}, REGISTER.replace(" id='r'", "")),
        ({"tls_required": True}, REGISTER),
    ],
)
@play
async def test_no_account_is_to_be_had(settings, asked):
    assert await (await Scene(**settings).opened()).fails(asked) == "not-authorized"


# --- resources: RFC 6120 section 7 ---


@play
async def test_a_resource_is_bound():
    scene = await Scene().authenticated()
    said = await scene.ask(BIND)
    assert said.startswith("<iq type='result' id='b' to='romeo@example.net/orchard'>")
    assert scene.stream.session is scene.sessions.all()[0]


@pytest.mark.parametrize("resource", ["<resource/>", ""])
@play
async def test_who_names_no_resource_gets_one(resource):
    scene = await Scene().authenticated()
    said = await scene.ask(f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'>{resource}</bind></iq>")
    assert re.search("<jid>romeo@example.net/.+</jid>", said)


@play
async def test_a_resource_that_is_none_may_be_followed_by_one():
    """Section 7.7.2.1."""
    scene = await Scene().authenticated()
    said = await scene.ask(BIND.replace("orchard", "x" * 1024))
    assert "<bad-request" in said
    assert "type='error'" in said
    assert "<jid>" in await scene.ask(BIND)


@play
async def test_an_account_with_too_many_sessions():
    """Section 7.6.2.1: an answer, not an end."""
    scene = await Scene().authenticated()
    scene.cluster.bound = Bound(False, None)
    said = await scene.ask(BIND)
    assert "<resource-constraint" in said
    assert "stream:error" not in said
    assert scene.sessions.all() == []


@pytest.mark.parametrize("asked", [BIND.replace("set", "get"), BIND.replace(" id='b'", "")])
@play
async def test_what_asks_for_no_resource(asked):
    assert await (await Scene().authenticated()).fails(asked) == "not-authorized"


@play
async def test_a_stream_has_one_session():
    scene = await Scene().session()
    assert "type='error'" in await scene.ask(BIND)
    assert len(scene.sessions.all()) == 1


@play
async def test_stanzas_of_a_session_carry_its_address_and_language():
    scene = await Scene().opened()
    await scene.ask(auth())
    await scene.ask(OPEN.replace(" version", " xml:lang='it' version"))
    await scene.ask(BIND, f"<message to='juliet@{DOMAIN}'/>")
    assert scene.cluster.sent == [
        b"<message from='romeo@example.net/orchard' xml:lang='it' to='juliet@example.net'/>"
    ]


@play
async def test_a_client_that_reads_again_gets_what_waited():
    scene = await Scene().authenticated()
    scene.stream.reads_again()
    await scene.ask(BIND)
    scene.stream.reads_again()
    assert scene.cluster.resumed == 1
