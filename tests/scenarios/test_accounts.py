"""Accounts that people make, change and remove themselves (XEP-0077)."""

from __future__ import annotations

from play import people, wanted
from play.cluster import Cluster, Pod
from play.people import bare
from play.stage import play
from roost.protocol import namespaces as ns

_REMOVE = f"<query xmlns='{ns.REGISTER}'><remove/></query>"


async def _try(pod: Pod, name: str, password: str) -> str:
    client = await pod.connect()
    await client.open()
    return await people.plain(client, name, password)


@play
async def test_the_form_says_what_is_needed(live: Cluster) -> None:
    client = await live.pods[0].connect()
    await client.open()
    answer = await client.ask("get", f"<query xmlns='{ns.REGISTER}'/>")
    assert answer.find(f"{{{ns.REGISTER}}}query/{{{ns.REGISTER}}}username") is not None
    assert answer.find(f"{{{ns.REGISTER}}}query/{{{ns.REGISTER}}}password") is not None


@play
async def test_a_new_account_works_on_every_pod_at_once(live: Cluster) -> None:
    one, two = live.pods
    name = people.new_name("mercutio")
    assert (await people.register(one, name)).get("type") == "result"
    assert await _try(two, name, people.PASSWORD) == "success"


@play
async def test_a_name_is_given_once_however_it_is_written(live: Cluster) -> None:
    one, two = live.pods
    name = people.new_name("mercutio")
    await people.register(one, name)
    for again in (name, name.upper()):
        assert wanted.condition(await people.register(two, again)) == "conflict"


@play
async def test_a_name_that_is_no_name(live: Cluster) -> None:
    for name in ("", "a@b", "a/b", "two words", "x" * 1024):
        assert wanted.condition(await people.register(live.pods[0], name)) == "not-acceptable"


@play
async def test_a_new_password(live: Cluster) -> None:
    one, two = live.pods
    client = await people.person(one, "mercutio")
    name = bare(client).partition("@")[0]
    answer = await client.ask("set", people.registration(name, "queen mab"))
    assert answer.get("type") == "result"
    assert await _try(two, name, people.PASSWORD) == "not-authorized"
    assert await _try(two, name, "queen mab") == "success"


@play
async def test_nobody_changes_another_ones_password(live: Cluster) -> None:
    client = await people.person(live.pods[0], "mercutio")
    answer = await client.ask("set", people.registration("romeo", "queen mab"))
    assert answer.get("type") == "error"


@play
async def test_removal_ends_all_sessions_and_friendships(live: Cluster) -> None:
    one, two = live.pods
    mercutio = await people.present(one, "mercutio")
    phone = await people.another(two, mercutio, "phone")
    friend = await people.present(two, "benvolio")
    await people.befriend(mercutio, friend)
    name = bare(mercutio).partition("@")[0]
    answer = await mercutio.ask("set", _REMOVE)
    assert answer.get("type") == "result"
    for client in (mercutio, phone):
        assert wanted.condition(await client.expect(wanted.stream_error)) == "not-authorized"
        await client.expect_end()
    await friend.expect(wanted.presence(bare(mercutio), "unsubscribed"))
    await friend.expect(wanted.presence(mercutio.jid, "unavailable"))
    assert await _try(one, name, people.PASSWORD) == "not-authorized"
    assert (await people.register(two, name)).get("type") == "result"
    heir = await people.login(two, name)
    assert (await people.roster(heir)).find(f"{{{ns.ROSTER}}}query/{{{ns.ROSTER}}}item") is None
