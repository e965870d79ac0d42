"""Messages between sessions of different pods (RFC 6121 section 8.5), and for those who are not there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.stage import play
from roost.protocol import namespaces as ns

_BODY = f"{{{ns.CLIENT}}}body"
_DELAY = f"{{{ns.DELAY}}}delay"


@play
async def test_to_a_full_jid_on_another_pod(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet", "balcony")
    nurse = await people.another(one, juliet, "chamber")
    romeo.message(juliet.jid, "But soft")
    heard = await juliet.expect(wanted.message("But soft"))
    assert heard.get("from") == romeo.jid
    assert heard.get("to") == juliet.jid
    await nurse.expect_nothing(wanted.message())
    juliet.message(romeo.jid, "Ay me")
    await romeo.expect(wanted.message("Ay me", juliet.jid))


@play
async def test_to_nobody_in_particular_is_to_oneself(live: Cluster) -> None:
    """RFC 6120 section 10.3.1: as if it were to one's own account."""
    one, two = live.pods
    desk = await people.present(one, "romeo", "desk")
    phone = await people.another(two, desk, "phone", 5)
    desk.send("<message type='chat'><body>Buy a rapier</body></message>")
    heard = await phone.expect(wanted.message("Buy a rapier"))
    assert heard.get("from") == desk.jid
    await desk.expect_nothing(wanted.message())


@play
async def test_a_stanza_keeps_what_we_do_not_know(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.send(
        f"<message to='{juliet.jid}' id='&lt;1&gt;' xml:lang='it' xmlns:x='urn:example:x' x:mood='&quot;'>"
        "<body>&#x1F98;&lt;&amp;</body><x:letter sealed='yes'><![CDATA[<wax>]]></x:letter></message>"
    )
    heard = await juliet.expect(wanted.message("\u1f98<&"))
    assert heard.get("id") == "<1>"
    assert heard.get("{urn:example:x}mood") == '"'
    assert heard.get("{http://www.w3.org/XML/1998/namespace}lang") == "it"
    letter = heard.find("{urn:example:x}letter")
    assert letter is not None
    assert (letter.get("sealed"), letter.text) == ("yes", "<wax>")


@play
async def test_to_a_bare_jid_the_highest_priority_gets_it(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    low = await people.present(two, "juliet", "low")
    high = await people.another(one, low, "high", 5)
    high_too = await people.another(two, low, "high-too", 5)
    romeo.message(people.bare(low), "Which of you?")
    await high.expect(wanted.message("Which of you?"))
    await high_too.expect(wanted.message("Which of you?"))
    await low.expect_nothing(wanted.message())


@play
async def test_a_negative_priority_gets_only_what_is_for_it_alone(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    shy = await people.person(two, "juliet", "shy")
    await people.appear(shy, -1)
    romeo.message(people.bare(shy), "For later")
    romeo.message(shy.jid, "For the shy one")
    await shy.expect(wanted.message("For the shy one"))
    await shy.expect_nothing(wanted.message("For later"))
    open_one = await people.another(one, shy, "open")
    await open_one.expect(wanted.message("For later"))


@play
async def test_a_headline_goes_to_all_who_want_messages(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    low = await people.present(two, "juliet", "low")
    high = await people.another(one, low, "high", 5)
    romeo.message(people.bare(low), "Prince bans brawls", "headline")
    await low.expect(wanted.message("Prince bans brawls"))
    await high.expect(wanted.message("Prince bans brawls"))


@pytest.mark.parametrize("to", ["nobody@example.test", "nobody@example.test/home", "example.test"])
@play
async def test_to_nobody(live: Cluster, to: str) -> None:
    romeo = await people.present(live.pods[0], "romeo")
    romeo.message(to, "Anyone?", id="m1")
    error = await romeo.expect(wanted.message(type="error", sender=to))
    assert error.get("id") == "m1"
    assert wanted.condition(error) == "service-unavailable"


@play
async def test_a_headline_to_nobody_is_dropped(live: Cluster) -> None:
    romeo = await people.present(live.pods[0], "romeo")
    romeo.message("nobody@example.test", "News", "headline")
    await romeo.expect_nothing(wanted.message())


@play
async def test_an_iq_between_clients(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.send(f"<iq type='get' id='q' to='{juliet.jid}'><query xmlns='urn:example:q'/></iq>")
    asked = await juliet.expect(lambda each: each.get("id") == "q")
    assert asked.get("from") == romeo.jid
    juliet.send(f"<iq type='result' id='q' to='{romeo.jid}'/>")
    assert (await romeo.expect(lambda each: each.get("id") == "q")).get("from") == juliet.jid
    answer = await romeo.ask("get", "<query xmlns='urn:example:q'/>", f"{people.bare(juliet)}/gone")
    assert wanted.condition(answer) == "service-unavailable"


@play
async def test_messages_for_somebody_absent_come_later_in_order(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    tybalt = await people.present(two, "tybalt")
    juliet = await people.person(two, "juliet")
    account = people.bare(juliet)
    await juliet.close()
    before = datetime.now(UTC) - timedelta(seconds=1)
    for i in range(20):
        (romeo, tybalt)[i % 2].message(account, str(i))
    await romeo.settle()
    await tybalt.settle()
    later = await people.login(one, account.partition("@")[0])
    later.presence()
    bodies = []
    for _ in range(20):
        letter = await later.expect(wanted.message())
        bodies.append(letter.findtext(_BODY) or "")
        delay = letter.find(_DELAY)
        assert delay is not None
        assert delay.get("from") == later.domain
        assert before < datetime.fromisoformat(delay.get("stamp")) < datetime.now(UTC)
    for first in (0, 1):  # what comes from one sender is in order
        assert [body for body in bodies if int(body) % 2 == first] == [str(i) for i in range(first, 20, 2)]


@play
async def test_a_kept_message_is_handed_over_once(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.person(two, "juliet")
    romeo.message(people.bare(juliet), "A letter")
    await romeo.settle()
    juliet.presence()
    await juliet.expect(wanted.message("A letter"))
    await juliet.close()
    again = await people.login(one, people.bare(juliet).partition("@")[0])
    again.presence()
    romeo.message(people.bare(again), "Another")
    await again.expect(wanted.message("Another"))
    await again.expect_nothing(wanted.message())


@play
async def test_who_closes_while_messages_come_gets_each_once(live: Cluster) -> None:
    """It reads on until the server has closed its side too; only what it has not got then is left over."""
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    for _ in range(10):
        juliet = await people.present(two, "juliet")
        for number in range(5):
            romeo.message(people.bare(juliet), str(number))
        first = await juliet.expect(wanted.message())
        await juliet.close()
        again = await people.login(one, people.bare(juliet).partition("@")[0])
        await people.appear(again)
        romeo.message(people.bare(juliet), "last")
        await again.expect(wanted.message("last"))
        heard = [first, *filter(wanted.message(), [*juliet.arrived, *again.arrived])]
        assert [message.findtext(f"{{{ns.CLIENT}}}body") for message in heard] == list("01234")


@play
async def test_to_a_resource_that_is_gone_goes_to_another_or_is_kept(live: Cluster) -> None:
    # RFC 6121 section 8.5.3.2.1
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.message(f"{people.bare(juliet)}/gone", "Are you there?")
    await juliet.expect(wanted.message("Are you there?"))


@play
async def test_five_hundred_messages_stay_in_order(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    for i in range(500):
        romeo.message((juliet.jid, people.bare(juliet))[i % 2], str(i))
    assert await _bodies(juliet, 500) == [str(i) for i in range(500)]


@play
async def test_order_holds_while_the_receiver_comes(live: Cluster) -> None:
    """Some of them are kept and some are live; no one overtakes another."""
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.person(two, "juliet")
    for i in range(300):
        romeo.message(people.bare(juliet), str(i))
        if i == 150:
            await romeo.settle()
            juliet.presence()
    assert await _bodies(juliet, 300) == [str(i) for i in range(300)]


async def _bodies(client: Client, count: int) -> list[str | None]:
    return [(await client.expect(wanted.message())).findtext(_BODY) for _ in range(count)]
