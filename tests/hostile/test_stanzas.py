"""Stanzas that break the rules: their sender is told by name, and goes on (RFC 6120 section 8.3)."""

from __future__ import annotations

import pytest
from lxml import etree
from lxml.etree import _Element as Element

from play import people, wanted
from play.cluster import Cluster
from play.stage import play
from roost.protocol import namespaces as ns

_PING = "<ping xmlns='urn:xmpp:ping'/>"
_MALFORMED = [
    "@example.test",
    "romeo@",
    "romeo@example.test/",
    "two words@example.test",
    "a@b@example.test",
    "x" * 1024 + "@example.test",
    "romeo@example.test/" + "x" * 1024,
    "&lt;romeo&gt;@example.test",
    "romeo@exa mple.test",
    "ro\N{ZERO WIDTH SPACE}meo@example.test",
    "",
]


@pytest.mark.parametrize("to", _MALFORMED)
@play
async def test_an_address_that_is_none(live: Cluster, to: str) -> None:
    client = await people.present(live.pods[0], "mallory")
    client.send(f"<message to='{to}' id='m'><body>hi</body></message>")
    assert wanted.condition(await client.expect(lambda one: one.get("id") == "m")) == "jid-malformed"
    client.send(f"<presence to='{to}' id='p'/>")
    assert wanted.condition(await client.expect(lambda one: one.get("id") == "p")) == "jid-malformed"
    client.send(f"<iq to='{to}' id='i' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert wanted.condition(await client.expect(lambda one: one.get("id") == "i")) == "jid-malformed"
    await client.settle()


@play
async def test_a_host_that_is_not_ours(live: Cluster) -> None:
    client = await people.present(live.pods[0], "mallory")
    client.send("<message to='romeo@example.com' id='m'><body>hi</body></message>")
    error = await client.expect(lambda one: one.get("id") == "m")
    assert wanted.condition(error) == "remote-server-not-found"
    assert error.get("from") == "romeo@example.com"
    answer = await client.ask("get", "<ping xmlns='urn:xmpp:ping'/>", "example.com")
    assert wanted.condition(answer) == "remote-server-not-found"


@pytest.mark.parametrize("kind", ["", "unavailable", "subscribe", "unsubscribed", "probe"])
@play
async def test_presence_for_a_host_that_is_not_ours(live: Cluster, kind: str) -> None:
    client = await people.present(live.pods[0], "mallory")
    client.presence(kind, "romeo@example.com/orchard")
    error = await client.expect(wanted.presence("romeo@example.com/orchard", "error"))
    assert wanted.condition(error) == "remote-server-not-found"
    await client.settle()


@pytest.mark.parametrize(
    ("iq", "condition"),
    [
        ("<iq id='i'><ping xmlns='urn:xmpp:ping'/></iq>", "bad-request"),
        ("<iq id='i' type='take'><ping xmlns='urn:xmpp:ping'/></iq>", "bad-request"),
        ("<iq id='i' type='get'/>", "bad-request"),
        (
            "<iq id='i' type='get'><ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/></iq>",
            "bad-request",
        ),
        ("<iq id='i' type='get'><query xmlns='urn:example:unknown'/></iq>", "service-unavailable"),
        ("<iq id='i' type='set' to='example.test'><ping xmlns='urn:xmpp:ping'/></iq>", "service-unavailable"),
        (f"<iq id='i' type='set'><query xmlns='{ns.ROSTER}'/></iq>", "bad-request"),
        (f"<iq id='i' type='set'><query xmlns='{ns.ROSTER}'><item jid='@'/></query></iq>", "jid-malformed"),
    ],
)
@play
async def test_an_iq_that_makes_no_sense(live: Cluster, iq: str, condition: str) -> None:
    client = await people.present(live.pods[0], "mallory")
    client.send(iq)
    answer = await client.expect(lambda one: one.get("id") == "i")
    assert answer.get("type") == "error"
    assert wanted.condition(answer) == condition
    await client.settle()


@pytest.mark.parametrize(
    ("stanza", "condition"),
    [
        ("<presence id='p' type='elsewhere'/>", "bad-request"),
        ("<presence id='p' type='subscribe'/>", "bad-request"),
        ("<presence id='p'><priority>128</priority></presence>", "bad-request"),
        ("<presence id='p'><priority>high</priority></presence>", "bad-request"),
    ],
)
@play
async def test_presence_that_makes_no_sense(live: Cluster, stanza: str, condition: str) -> None:
    client = await people.present(live.pods[0], "mallory")
    client.send(stanza)
    assert wanted.condition(await client.expect(lambda one: one.get("id") == "p")) == condition
    await client.settle()


@play
async def test_an_error_is_never_answered(live: Cluster) -> None:
    client = await people.present(live.pods[0], "mallory")
    for kind in ("message", "iq", "presence"):
        for to in ("@", "romeo@example.com", "nobody@example.test", "nobody@example.test/home"):
            client.send(
                f"<{kind} type='error' id='e' to='{to}'><error type='cancel'>"
                f"<gone xmlns='{ns.STANZA_ERRORS}'/></error></{kind}>"
            )
    await client.expect_nothing()


@play
async def test_ones_own_address_in_from_is_no_forgery(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    for sender in (romeo.jid, people.bare(romeo), romeo.jid.replace("romeo", "ROMEO")):
        romeo.send(f"<message to='{juliet.jid}' from='{sender}'><body>{sender}</body></message>")
        heard = await juliet.expect(wanted.message(sender))
        assert heard.get("from") == romeo.jid


@play
async def test_what_looks_like_from_is_passed_on_untouched(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.send(
        f"<message to='{juliet.jid}' id=\" from='tybalt@example.test'\""
        " xmlns:from='urn:x' from:from='tybalt'><body>It is I</body></message>"
    )
    heard = await juliet.expect(wanted.message("It is I"))
    assert heard.get("from") == romeo.jid
    assert heard.get("id") == " from='tybalt@example.test'"
    assert heard.get("{urn:x}from") == "tybalt"


@play
async def test_a_rename_of_the_namespace_is_understood(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.send(
        f"<c:message xmlns:c='{ns.CLIENT}' to='{juliet.jid}'><c:body>Which tongue?</c:body></c:message>"
    )
    heard = await juliet.expect(wanted.message("Which tongue?"))
    assert heard.get("from") == romeo.jid


@pytest.mark.parametrize(
    "inside",
    [
        "<body>" + "x" * (262_144 - 200) + "</body>",
        "<a>" * 49 + "</a>" * 49,
        "<x " + " ".join(f"a{i}='{i}'" for i in range(100)) + "/>",
        "<x " + " ".join(f"xmlns:n{i}='{i}'" for i in range(100)) + "/>",
    ],
    ids=["bytes", "depth", "attributes", "declarations"],
)
@play
async def test_the_most_that_is_allowed_goes_through(live: Cluster, inside: str) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.send(f"<message to='{juliet.jid}' type='chat' id='most'>{inside}</message>")
    heard = await juliet.expect(lambda each: each.get("id") == "most")
    assert _shape(heard) == _shape(etree.fromstring(f"<message>{inside}</message>"))


def _shape(stanza: Element) -> list[tuple[str, dict[str, str], str | None]]:
    """Everything inside a stanza."""
    return [(wanted.local_name(one), dict(one.attrib), one.text) for one in stanza.iter()][1:]
