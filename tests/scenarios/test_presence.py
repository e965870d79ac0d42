"""Presence and subscriptions between people on different pods (RFC 6121 sections 3 and 4)."""

from __future__ import annotations

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.people import bare
from play.stage import play
from roost.protocol import namespaces as ns

_ITEM = f"{{{ns.ROSTER}}}query/{{{ns.ROSTER}}}item"


async def _friends(live: Cluster) -> tuple[Client, Client]:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    await people.befriend(romeo, juliet)
    return romeo, juliet


async def _subscription(client: Client, contact: Client) -> str | None:
    answer = await people.roster(client)
    for item in answer.iterfind(_ITEM):
        if item.get("jid") == bare(contact):
            return f"{item.get('subscription')} {item.get('ask') or ''}".strip()
    return None


async def _becomes(client: Client, contact: Client, subscription: str) -> None:
    """Wait until the roster says so: a change is told of first, and then pushed when it can be read."""
    while await _subscription(client, contact) != subscription:
        await client.expect(wanted.push(bare(contact)))


@play
async def test_asking_and_approving(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.presence("subscribe", juliet.jid, status="Let me see you")
    await romeo.expect(wanted.push(bare(juliet)))
    request = await juliet.expect(wanted.presence(bare(romeo), "subscribe"))
    assert request.get("to") == bare(juliet)
    assert request.findtext(f"{{{ns.CLIENT}}}status") == "Let me see you"
    await _becomes(romeo, juliet, "none subscribe")
    assert await _subscription(juliet, romeo) is None
    juliet.presence("subscribed", bare(romeo))
    await romeo.expect(wanted.presence(bare(juliet), "subscribed"))
    await romeo.expect(wanted.presence(juliet.jid, ""))
    await _becomes(romeo, juliet, "to")
    await _becomes(juliet, romeo, "from")
    await juliet.expect_nothing(wanted.presence(romeo.jid))


@play
async def test_refusing(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.presence("subscribe", bare(juliet))
    await juliet.expect(wanted.presence(bare(romeo), "subscribe"))
    juliet.presence("unsubscribed", bare(romeo))
    await romeo.expect(wanted.presence(bare(juliet), "unsubscribed"))
    await _becomes(romeo, juliet, "none")
    assert await _subscription(juliet, romeo) is None


@play
async def test_a_request_waits_for_who_is_absent(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.person(two, "juliet")
    romeo.presence("subscribe", bare(juliet))
    await romeo.expect(wanted.push(bare(juliet)))
    for pod in (two, one):  # until it is answered, at each login (section 3.1.3)
        later = await people.login(pod, bare(juliet).partition("@")[0], "later")
        await people.appear(later)
        await later.expect(wanted.presence(bare(romeo), "subscribe"))
        await later.close()


@play
async def test_friends_see_each_other_come_change_and_go(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    romeo.send("<presence><show>away</show><status>In Mantua</status></presence>")
    seen = await juliet.expect(wanted.presence(romeo.jid, "", "In Mantua"))
    assert seen.get("to") == juliet.jid
    assert seen.findtext(f"{{{ns.CLIENT}}}show") == "away"
    romeo.presence("unavailable", status="Farewell")
    await juliet.expect(wanted.presence(romeo.jid, "unavailable", "Farewell"))
    romeo.presence(status="Back")
    await juliet.expect(wanted.presence(romeo.jid, "", "Back"))
    await romeo.expect(wanted.presence(juliet.jid, ""))  # who comes is told who is there


@play
async def test_all_of_ones_sessions_are_seen(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    phone = await people.another(live.pods[1], romeo, "phone")
    await juliet.expect(wanted.presence(phone.jid, ""))
    await romeo.expect(wanted.presence(phone.jid, ""))
    await phone.expect(wanted.presence(romeo.jid, ""))
    await phone.expect(wanted.presence(juliet.jid, ""))
    await phone.close()
    await juliet.expect(wanted.presence(phone.jid, "unavailable"))
    await romeo.expect(wanted.presence(phone.jid, "unavailable"))


@play
async def test_one_unavailable_when_a_client_closes(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    await romeo.close()
    await juliet.expect(wanted.presence(romeo.jid, "unavailable"))
    await _nothing_more(live, juliet, romeo)


@play
async def test_one_unavailable_when_a_client_says_so_and_closes(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    romeo.presence("unavailable", status="Farewell")
    await romeo.close()
    await juliet.expect(wanted.presence(romeo.jid, "unavailable", "Farewell"))
    await _nothing_more(live, juliet, romeo)


@play
async def test_one_unavailable_when_a_connection_breaks(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    romeo.vanish()
    await juliet.expect(wanted.presence(romeo.jid, "unavailable"))
    await _nothing_more(live, juliet, romeo)


@play
async def test_unsubscribing(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    romeo.presence("unsubscribe", bare(juliet))
    await juliet.expect(wanted.presence(bare(romeo), "unsubscribe"))
    await romeo.expect(wanted.presence(juliet.jid, "unavailable"))
    await _becomes(romeo, juliet, "from")
    await _becomes(juliet, romeo, "to")
    juliet.presence(status="Not for Romeo")
    romeo.presence(status="For Juliet")
    await juliet.expect(wanted.presence(romeo.jid, "", "For Juliet"))
    await _nothing_since(juliet, romeo)


@play
async def test_taking_an_approval_back(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    juliet.presence("unsubscribed", bare(romeo))
    await romeo.expect(wanted.presence(bare(juliet), "unsubscribed"))
    await romeo.expect(wanted.presence(juliet.jid, "unavailable"))
    await _becomes(romeo, juliet, "from")


@play
async def test_removing_a_contact_ends_both_subscriptions(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    item = f"<item jid='{bare(juliet)}' subscription='remove'/>"
    answer = await romeo.ask("set", f"<query xmlns='{ns.ROSTER}'>{item}</query>")
    assert answer.get("type") == "result"
    await juliet.expect(wanted.presence(bare(romeo), "unsubscribe"))
    await juliet.expect(wanted.presence(bare(romeo), "unsubscribed"))
    await juliet.expect(wanted.presence(romeo.jid, "unavailable"))
    assert await _subscription(romeo, juliet) is None
    await _becomes(juliet, romeo, "none")


@play
async def test_a_probe_is_answered_to_friends_alone(live: Cluster) -> None:
    romeo, juliet = await _friends(live)
    stranger = await people.present(live.pods[0], "tybalt")
    juliet.presence(status="On the balcony")
    await romeo.expect(wanted.presence(juliet.jid, "", "On the balcony"))
    romeo.presence("probe", bare(juliet))
    await romeo.expect(wanted.presence(juliet.jid, "", "On the balcony"))
    stranger.presence("probe", bare(juliet))
    stranger.presence("subscribe", bare(juliet))
    await juliet.expect(wanted.presence(bare(stranger), "subscribe"))  # so the probe has been seen too
    await _nothing_since(juliet, stranger)


@play
async def test_directed_presence_and_its_end(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.presence(to=juliet.jid, status="Only for you")
    await juliet.expect(wanted.presence(romeo.jid, "", "Only for you"))
    romeo.vanish()  # section 4.6.3: who was told that one is there is told that one is gone
    await juliet.expect(wanted.presence(romeo.jid, "unavailable"))


@play
async def test_strangers_see_nothing(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.presence(status="For friends")
    romeo.presence(to=juliet.jid, status="For you")
    await juliet.expect(wanted.presence(romeo.jid, "", "For you"))
    await juliet.expect_nothing(wanted.presence())


async def _nothing_since(told: Client, observer: Client) -> None:
    """Nothing of `told` came before what it now sends to `observer` alone, which is in order."""
    told.presence(to=observer.jid, status="marker")
    await observer.expect(wanted.presence(told.jid, "", "marker"))
    await observer.expect_nothing(wanted.presence(told.jid))


async def _nothing_more(live: Cluster, observer: Client, gone: Client) -> None:
    """Nothing more of `gone` came before its account's next session, which is in order."""
    back = await people.login(live.pods[0], bare(gone).partition("@")[0], "back")
    back.presence()
    await observer.expect(wanted.presence(back.jid, ""))
    await observer.expect_nothing(wanted.presence(gone.jid))
