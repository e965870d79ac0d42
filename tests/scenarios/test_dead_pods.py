"""A pod is killed: its sessions end once for everybody, and nothing that was said to them is lost."""

from __future__ import annotations

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.people import bare
from play.stage import play
from roost.protocol import namespaces as ns

_UNTIL_SWEPT = 20  # seconds; the lease is one and a half


@play
async def test_friends_hear_once_and_messages_wait(mortal: Cluster) -> None:
    one, two = mortal.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    nurse = await people.another(one, juliet, "nurse", -1)
    await people.befriend(romeo, juliet)
    await romeo.settle()
    two.kill()
    await _cut_off(juliet)
    for i in range(30):
        romeo.message((juliet.jid, bare(juliet))[i % 2], str(i))
    await romeo.expect(wanted.presence(juliet.jid, "unavailable"), _UNTIL_SWEPT)
    await nurse.expect(wanted.presence(juliet.jid, "unavailable"), _UNTIL_SWEPT)
    back = await people.login(one, bare(juliet).partition("@")[0], "back")
    back.presence()
    assert await _bodies(back, 30) == [str(i) for i in range(30)]
    await romeo.expect(wanted.presence(back.jid, ""))
    await romeo.expect_nothing(lambda stanza: stanza.get("from") == juliet.jid)


@play
async def test_who_comes_back_at_once_takes_the_place_of_the_old_session(mortal: Cluster) -> None:
    one, two = mortal.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    witness = await people.present(two, "mercutio")
    await people.befriend(romeo, juliet)
    await people.befriend(romeo, witness)
    romeo.message(juliet.jid, "before")
    await juliet.expect(wanted.message("before"))
    two.kill()
    await _cut_off(juliet)
    romeo.message(juliet.jid, "meanwhile")
    await romeo.settle()
    back = await people.login(one, bare(juliet).partition("@")[0], "home")
    assert back.jid == juliet.jid
    back.presence(status="back")
    await back.expect(wanted.message("meanwhile"))
    await romeo.expect(wanted.presence(juliet.jid, "", "back"))
    romeo.arrived.clear()  # one unavailable of the old session may stand before it
    await romeo.expect(wanted.presence(witness.jid, "unavailable"), _UNTIL_SWEPT)
    back.presence(status="still here")
    await romeo.expect(wanted.presence(juliet.jid, "", "still here"))
    await romeo.expect_nothing(wanted.presence(juliet.jid, "unavailable"))
    romeo.message(bare(juliet), "and now")
    await back.expect(wanted.message("and now"))
    await back.expect_nothing(wanted.message("meanwhile"))


async def _bodies(client: Client, count: int) -> list[str | None]:
    return [(await client.expect(wanted.message())).findtext(f"{{{ns.CLIENT}}}body") for _ in range(count)]


async def _cut_off(client: Client) -> None:
    """Wait until a client has noticed that its pod is gone."""
    assert not await client.reader.read()


@play
async def test_order_holds_across_the_death_of_a_session(mortal: Cluster) -> None:
    """What waited for the old session comes before what was sent when its end was already told."""
    one, two = mortal.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    await people.befriend(romeo, juliet)
    two.kill()
    await _cut_off(juliet)
    for i in range(30):
        romeo.message(bare(juliet), str(i))
    await romeo.expect(wanted.presence(juliet.jid, "unavailable"), _UNTIL_SWEPT)
    for i in range(30, 40):
        romeo.message(bare(juliet), str(i))
    await romeo.settle()
    back = await people.login(one, bare(juliet).partition("@")[0], "back")
    back.presence()
    assert await _bodies(back, 40) == [str(i) for i in range(40)]
