"""A client's stream from its first byte to its last: what may be said when, and how it ends."""

from __future__ import annotations

import asyncio
import re
from xml.etree import ElementTree

import pytest

from play.stage import play
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.core.stream import ClientStream
from roost.protocol import namespaces as ns
from roost.protocol.errors import StreamError
from streams import BIND, DOMAIN, OPEN, PHASES, REGISTER, STARTTLS, Scene, auth, condition, offered

# --- headers: RFC 6120 section 4.7 ---


@play
async def test_a_header_is_answered_with_ours():
    header, _features = offered(await Scene().ask(OPEN))
    assert header.tag == f"{{{ns.STREAMS}}}stream"
    assert header.get("from") == DOMAIN
    assert header.get("version") == "1.0"
    assert header.get(f"{{{ns.XML}}}lang")
    assert header.get("to") is None


@play
async def test_every_stream_has_an_id_of_its_own():
    one = await Scene().opened()
    headers = [await Scene().ask(OPEN), await Scene().ask(OPEN)]
    await one.ask(auth())
    headers.append(await one.ask(OPEN))
    assert len({offered(header)[0].get("id") for header in headers}) == 3


@play
async def test_who_says_who_it_is_is_addressed():
    """Section 4.7.2: by the bare JID."""
    said = await Scene().ask(OPEN.replace(" to=", " from='Romeo@Example.NET/or&amp;chard' to="))
    assert offered(said)[0].get("to") == "romeo@example.net"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (OPEN.replace(f"to='{DOMAIN}'", ""), "improper-addressing"),
        (OPEN.replace(DOMAIN, "example.com"), "host-unknown"),
        (OPEN.replace(DOMAIN, ""), "host-unknown"),
        (OPEN.replace(DOMAIN, "a b"), "host-unknown"),
        (OPEN.replace(" to=", " from='@' to="), "invalid-from"),
        (OPEN.replace("version='1.0'", ""), "unsupported-version"),
        (OPEN.replace("1.0", "0.9"), "unsupported-version"),
        (OPEN.replace(ns.CLIENT, "jabber:server"), "invalid-namespace"),
        (OPEN.replace(ns.STREAMS, "urn:x"), "invalid-namespace"),
        ("<a", "connection-timeout"),
        ("hello <", "not-well-formed"),
    ],
)
@play
async def test_a_header_that_is_none_is_told_why_behind_ours(header, expected):
    """Section 4.9.1.2."""
    scene = Scene()
    scene.say(header)
    if expected == "connection-timeout":
        scene.stream.timed_out()
    said = await scene.heard()
    assert condition(said) == expected
    tree = ElementTree.fromstring(said)
    assert (tree.get("from"), len(tree)) == (DOMAIN, 1)
    assert scene.wire.closed == 1
    assert scene.counts == [("streams_errors", expected)]


@pytest.mark.parametrize("to", ["EXAMPLE.net", "example.net."])
@play
async def test_a_domain_has_more_than_one_spelling(to):
    header, _features = offered(await Scene().ask(OPEN.replace(f"'{DOMAIN}'", f"'{to}'")))
    assert header.get("from") == DOMAIN


@play
async def test_a_restart_is_a_new_stream():
    """Section 4.3.3: a new header, and what was said before counts no more."""
    scene = await Scene().opened()
    assert "<success" in await scene.ask(auth())
    assert condition(await scene.ask(BIND)) == "invalid-namespace"  # it is no header
    assert not scene.sessions.all()


# --- what is offered when ---


@play
async def test_before_tls_where_it_is_required():
    _header, features = offered(await Scene(tls_required=True).ask(OPEN))
    assert set(features) == {"starttls", "limits"}
    assert features["starttls"].find(f"{{{ns.TLS}}}required") is not None


@play
async def test_before_a_login_where_tls_is_not_required():
    _header, features = offered(await Scene().ask(OPEN))
    assert set(features) == {"starttls", "mechanisms", "register", "limits"}
    assert features["starttls"].find(f"{{{ns.TLS}}}required") is None
    assert not [one for one in features["mechanisms"] if one.text.endswith("-PLUS")]
    assert features["limits"].findtext(f"{{{ns.LIMITS}}}max-bytes") == "1000"


@pytest.mark.parametrize("required", [True, False])
@play
async def test_before_a_login_inside_tls(required):
    _header, features = offered(await Scene(secure=True, tls_required=required).ask(OPEN))
    assert set(features) == {"mechanisms", "sasl-channel-binding", "register", "limits"}
    assert [one for one in features["mechanisms"] if one.text.endswith("-PLUS")]


@play
async def test_without_a_certificate_and_with_registration_closed():
    _header, features = offered(await Scene(tls_available=False, registration=False).ask(OPEN))
    assert set(features) == {"mechanisms", "limits"}


@play
async def test_after_a_login():
    scene = await Scene().opened()
    await scene.ask(auth())
    _header, features = offered(await scene.ask(OPEN))
    assert set(features) == {"bind", "session", "letters", "limits"}
    assert features["limits"].findtext(f"{{{ns.LIMITS}}}max-bytes") == "5000"
    assert features["limits"].findtext(f"{{{ns.LIMITS}}}idle-seconds") == "60"


# --- TLS: RFC 6120 section 5 ---


@play
async def test_starttls():
    scene = await Scene(tls_required=True).opened()
    assert await scene.ask(STARTTLS) == f"<proceed xmlns='{ns.TLS}'/>"
    _header, features = offered(await scene.ask(OPEN))
    assert "starttls" not in features
    assert "<success" in await scene.ask(auth())


@pytest.mark.parametrize("injected", [auth(), "<presence/>", "</stream:stream>", "<<"])
@play
async def test_nothing_is_slipped_in_before_tls(injected):
    """Section 5.4.3.3."""
    scene = await Scene().opened()
    assert await scene.fails(STARTTLS, injected) == "policy-violation"
    assert not scene.wire.secure
    assert not scene.stream.authenticated


@play
async def test_half_an_element_before_tls_is_no_part_of_what_comes_after():
    scene = await Scene().opened()
    assert "proceed" in await scene.ask(STARTTLS, "<auth xmlns='urn:x' a='")
    offered(await scene.ask(OPEN))


@play
async def test_a_handshake_that_fails_ends_without_a_word():
    """Section 5.4.3.2."""
    scene = await Scene().opened()

    async def handshake():
        raise ConnectionResetError

    scene.wire.handshake = handshake
    assert await scene.ask(STARTTLS) == f"<proceed xmlns='{ns.TLS}'/>"
    assert scene.wire.closed == 1
    assert scene.bugs == []


@pytest.mark.parametrize("settings", [{"secure": True}, {"tls_available": False}])
@play
async def test_tls_where_there_is_none_to_begin(settings):
    scene = await Scene(**settings).opened()
    assert await scene.fails(STARTTLS) == "policy-violation"


# --- what comes while a step is under way ---


@play
async def test_what_comes_too_early_waits_and_keeps_its_order():
    scene = await Scene().authenticated()
    await scene.begin(BIND)
    for number in range(99):
        scene.say(f"<message to='juliet@{DOMAIN}' id='{number}'/>")
    scene.say("</stream:stream>")
    assert scene.cluster.sent == []
    scene.cluster.gate.set()
    said = await scene.heard()
    assert said.endswith("</iq></stream:stream>")
    assert [f"id='{number}'".encode() in sent for number, sent in enumerate(scene.cluster.sent)] == [
        True
    ] * 99
    assert scene.cluster.ended == ["closed"]


@play
async def test_a_step_that_follows_another_waits_for_it():
    scene = await Scene().opened()
    scene.cluster.gate.clear()
    said = scene.ask(auth("wrong"), REGISTER, auth("wrong"), REGISTER)
    asyncio.get_running_loop().call_soon(scene.cluster.gate.set)
    assert re.findall("<failure|<iq", await said) == ["<failure", "<iq"] * 2


@play
async def test_what_waits_has_a_bound():
    scene = await Scene().authenticated()
    await scene.begin(BIND, *("<presence/>" for _ in range(100)))
    assert scene.said() == ""
    scene.say("<presence/>")
    assert condition(scene.said()) == "policy-violation"
    scene.cluster.gate.set()
    assert await scene.heard() == ""
    assert scene.cluster.ended == ["lost"]
    assert scene.sessions.all() == []


@play
async def test_an_error_that_waits_is_told_when_its_turn_comes():
    scene = await Scene().authenticated()
    said = await scene.ask(BIND, f"<message to='juliet@{DOMAIN}'/>", "<!-- hello -->")
    assert condition(said) == "restricted-xml"
    assert "<jid>" in said
    assert len(scene.cluster.sent) == 1


# --- trouble of ours ---


@pytest.mark.parametrize("trouble", [BusUnavailable(), StoreUnavailable()])
@pytest.mark.parametrize(("phase", "asked"), [(Scene.opened, auth()), (Scene.authenticated, BIND)])
@play
async def test_without_redis_or_postgresql_a_step_ends_the_stream_by_name(phase, asked, trouble):
    scene = await phase(Scene())
    scene.cluster.trouble = trouble
    assert await scene.fails(asked) == "resource-constraint"
    assert scene.bugs == []


@pytest.mark.parametrize(("phase", "asked"), [(Scene.opened, auth()), (Scene.authenticated, BIND)])
@play
async def test_a_bug_in_a_step_is_reported_and_not_shown(phase, asked):
    scene = await phase(Scene())
    scene.cluster.trouble = bug = ZeroDivisionError("what the client must not read")
    said = await scene.ask(asked)
    assert condition(said) == "internal-server-error"
    assert "must not" not in said
    assert scene.bugs == [("negotiation", bug)]


@pytest.mark.parametrize("before", [(), (BIND,)])
@play
async def test_a_bug_in_a_stanza_is_reported_and_not_shown(before):
    """Whether the stanza was handled at once or had to wait."""
    scene = await (Scene().authenticated() if before else Scene().session())
    said = await scene.ask(*before, "<presence type='bug'/>", f"<message to='juliet@{DOMAIN}'/>")
    assert condition(said) == "internal-server-error"
    assert "must not" not in said
    assert [type(bug) for _where, bug in scene.bugs] == [ZeroDivisionError]
    assert scene.cluster.sent == []
    assert scene.cluster.ended == ["internal-server-error"]


# --- the end ---


@pytest.mark.parametrize("phase", PHASES)
@play
async def test_a_client_that_closes_is_answered(phase):
    """Section 4.4."""
    scene = await phase(Scene())
    assert await scene.ask("</stream:stream>", "<presence/>") == "</stream:stream>"
    assert scene.wire.closed == 1
    assert scene.cluster.ended == (["closed"] if phase is Scene.session else [])


@pytest.mark.parametrize("lost", [False, True])
@play
async def test_a_client_that_closes_while_something_is_under_way_gets_the_time_to_have_it(lost):
    """It reads on until our closing tag; what its machine has got is not handed to another session."""
    scene = await Scene().session()
    scene.cluster.under_way = True
    scene.wire.wrote.clear()
    scene.say("</stream:stream>")
    await scene.wire.wrote.wait()
    assert scene.said() == "</stream:stream>"
    assert scene.wire.closed == 0
    assert scene.cluster.ended == []
    if lost:
        scene.stream.lost()
    else:
        scene.cluster.under_way = False
    assert await scene.heard() == ""
    assert scene.wire.closed == 1
    assert scene.cluster.ended == ["closed"]


@pytest.mark.parametrize("phase", PHASES)
@play
async def test_a_connection_that_is_lost(phase):
    scene = await phase(Scene())
    for _ in range(2):
        scene.stream.lost()
    scene.stream.timed_out()
    assert await scene.ask(auth(), "<presence/>") == ""
    assert scene.cluster.ended == (["lost"] if phase is Scene.session else [])
    assert scene.sessions.all() == []


@pytest.mark.parametrize("phase", PHASES)
@play
async def test_a_stream_ends_once_and_says_nothing_more(phase):
    scene = await phase(Scene())
    scene.stream.timed_out()
    scene.stream.fail(StreamError("system-shutdown"))
    scene.stream.lost()
    said = await scene.ask(auth(), BIND, "<presence/>", "<!-- -->")
    assert condition(said) == "connection-timeout"
    assert said.count("stream:error") == 2  # one element
    assert scene.counts[-1] == ("streams_errors", "connection-timeout")
    assert scene.wire.closed == 1
    assert scene.cluster.ended == (["connection-timeout"] if phase is Scene.session else [])


@pytest.mark.parametrize("phase", PHASES)
@play
async def test_space_keeps_a_stream_alive_and_text_ends_it(phase):
    scene = await phase(Scene())
    assert await scene.ask(" \n ") == ""
    assert await scene.fails("text<presence/>") == "bad-format"


@play
async def test_an_error_says_to_a_developer_what_was_wrong():
    scene = await Scene().opened()
    scene.stream.fail(StreamError("policy-violation", "too much & too <soon>"))
    error = ElementTree.fromstring(OPEN + scene.said())[0]
    assert [child.tag.rpartition("}")[2] for child in error] == ["policy-violation", "text"]
    assert error[1].text == "too much & too <soon>"


@pytest.mark.parametrize(
    ("phase", "asked"), [(Scene.opened, STARTTLS), (Scene.opened, auth()), (Scene.authenticated, BIND)]
)
@play
async def test_what_could_not_begin_before_the_end_is_not_begun(phase, asked):
    scene = await phase(Scene())
    done = list(scene.cluster.done)
    scene.say(asked)
    scene.stream.lost()
    assert await scene.heard() == ""
    assert not scene.wire.secure
    assert scene.cluster.done == done


@play
async def test_lost_while_a_resource_is_bound():
    """Nobody would ever end that session."""
    scene = await Scene().authenticated()
    await scene.begin(BIND)
    scene.stream.lost()
    scene.cluster.gate.set()
    assert await scene.heard() == ""
    assert scene.sessions.all() == []
    assert scene.cluster.ended == ["lost"]


@pytest.mark.parametrize("end", [ClientStream.lost, ClientStream.timed_out])
@pytest.mark.parametrize("asked", [auth(), auth("wrong"), REGISTER])
@play
async def test_an_end_while_something_is_found_out(asked, end):
    """Who has left has not logged in: by that the connection counts its streams that have not."""
    scene = await Scene().opened()
    await scene.begin(asked)
    end(scene.stream)
    scene.said()
    scene.cluster.gate.set()
    assert await scene.heard() == ""
    assert not scene.stream.authenticated
    assert scene.wire.logins == 0
    assert ("logins", "success") not in scene.counts
