"""The roster on all of one's devices (RFC 6121 section 2)."""

from __future__ import annotations

from lxml.etree import _Element as Element

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.people import bare
from play.stage import play
from roost.protocol import namespaces as ns

_QUERY = f"{{{ns.ROSTER}}}query"
_ITEM = f"{_QUERY}/{{{ns.ROSTER}}}item"
_NURSE = "nurse@example.test"


async def _set(client: Client, item: str, to: str | None = None) -> Element:
    return await client.ask("set", f"<query xmlns='{ns.ROSTER}'>{item}</query>", to)


def _contacts(answer: Element) -> dict[str, str]:
    return {item.get("jid") or "": item.get("name") or "" for item in answer.iterfind(_ITEM)}


def _version(stanza: Element) -> str:
    query = stanza.find(_QUERY)
    assert query is not None
    return query.get("ver") or ""


@play
async def test_a_change_is_pushed_to_all_devices_on_all_pods(live: Cluster) -> None:
    one, two = live.pods
    desk = await people.person(one, "juliet", "desk")
    phone = await people.login(two, bare(desk).partition("@")[0], "phone")
    silent = await people.login(two, bare(desk).partition("@")[0], "silent")
    await people.roster(desk)
    await people.roster(phone)  # interested, and not available: section 2.2
    await _set(desk, f"<item jid='{_NURSE}' name='Nurse'><group>Household</group></item>")
    for client in (desk, phone):
        push = await client.expect(wanted.push(_NURSE))
        item = push.find(_ITEM)
        assert item is not None
        assert (item.get("name"), item.get("subscription")) == ("Nurse", "none")
        assert [group.text for group in item] == ["Household"]
        assert push.get("from") in {None, bare(desk)}
        assert push.get("to") == client.jid
    await silent.expect_nothing()
    assert _contacts(await people.roster(silent)) == {_NURSE: "Nurse"}


@play
async def test_a_removal_is_pushed_too(live: Cluster) -> None:
    one, two = live.pods
    desk = await people.present(one, "juliet", "desk")
    phone = await people.another(two, desk, "phone")
    await _set(desk, f"<item jid='{_NURSE}'/>")
    await phone.expect(wanted.push(_NURSE))
    assert (await _set(phone, f"<item jid='{_NURSE}' subscription='remove'/>")).get("type") == "result"
    await desk.expect(wanted.push(_NURSE))
    removed = (await desk.expect(wanted.push(_NURSE))).find(_ITEM)
    assert removed is not None
    assert removed.get("subscription") == "remove"
    assert _contacts(await people.roster(desk)) == {}


@play
async def test_only_what_changed_since_the_version_a_client_has(live: Cluster) -> None:
    one, two = live.pods
    desk = await people.person(one, "juliet", "desk")
    await _set(desk, f"<item jid='{_NURSE}'/>")
    known = _version(await people.roster(desk, ""))
    nothing = await people.roster(desk, known)
    assert nothing.find(_QUERY) is None
    await _set(desk, "<item jid='peter@example.test' name='Peter'/>")
    phone = await people.login(two, bare(desk).partition("@")[0], "phone")
    answer = await people.roster(phone, known)
    assert answer.find(_QUERY) is None
    push = await phone.expect(wanted.push("peter@example.test"))
    assert _version(push) not in {known, ""}
    await phone.expect_nothing(wanted.push(_NURSE))


@play
async def test_an_unknown_version_gets_the_whole(live: Cluster) -> None:
    desk = await people.person(live.pods[0], "juliet")
    await _set(desk, f"<item jid='{_NURSE}' name='Nurse'/>")
    assert _contacts(await people.roster(desk, "no-such-version")) == {_NURSE: "Nurse"}
    assert _contacts(await people.roster(desk, "99999999")) == {_NURSE: "Nurse"}


@play
async def test_nobody_reads_or_writes_another_ones_roster(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.person(one, "romeo")
    juliet = await people.person(two, "juliet")
    answer = await romeo.ask("get", f"<query xmlns='{ns.ROSTER}'/>", bare(juliet))
    assert wanted.condition(answer) in {"forbidden", "service-unavailable"}
    answer = await _set(romeo, f"<item jid='{bare(romeo)}'/>", bare(juliet))
    assert wanted.condition(answer) in {"forbidden", "service-unavailable"}
    assert _contacts(await people.roster(juliet)) == {}


@play
async def test_a_push_that_a_stranger_forges_does_not_look_like_ours(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    item = f"<item jid='{_NURSE}'/>"
    romeo.send(f"<iq type='set' id='f' to='{juliet.jid}'><query xmlns='{ns.ROSTER}'>{item}</query></iq>")
    forged = await juliet.expect(wanted.push(_NURSE))
    assert forged.get("from") == romeo.jid
