"""Two people with slixmpp, each on a pod of their own."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import slixmpp
from people import Person, befriend, online
from running import Cluster


async def couple(stack: AsyncExitStack, cluster: Cluster, romeo: str, juliet: str) -> tuple[Person, Person]:
    """Two new accounts, online on different pods, one by STARTTLS and one by direct TLS."""
    first, second = cluster.pods
    assert first.pid != second.pid
    logins = first.logins(), second.logins()
    one = await stack.enter_async_context(online(cluster, romeo, first, register=True))
    other = await stack.enter_async_context(online(cluster, juliet, second, register=True, direct_tls=True))
    assert (first.logins(), second.logins()) == (logins[0] + 1, logins[1] + 1)
    return one, other


def test_two_people_register_subscribe_and_talk(run, cluster):
    async def conversation() -> None:
        async with AsyncExitStack() as stack:
            romeo, juliet = await couple(stack, cluster, "romeo", "juliet")
            await befriend(romeo, juliet)
            romeo.send_message(juliet.boundjid.bare, "O, speak again, <bright> angel & ümlaut", mtype="chat")
            heard = await juliet.hears(romeo.boundjid.full)
            assert heard["body"] == "O, speak again, <bright> angel & ümlaut"
            juliet.send_message(heard["from"], "Wherefore art thou?", mtype="chat")
            assert (await romeo.hears(juliet.boundjid.full))["body"] == "Wherefore art thou?"

    run(conversation())


def test_presence_comes_changes_and_goes(run, cluster):
    async def evening() -> None:
        async with AsyncExitStack() as stack:
            benvolio, rosaline = await couple(stack, cluster, "benvolio", "rosaline")
            await befriend(benvolio, rosaline)
            rosaline.send_presence(pshow="away", pstatus="at the feast")
            seen = await benvolio.sees("away", rosaline.boundjid.full)
            assert seen["status"] == "at the feast"
            await rosaline.disconnect()
            await benvolio.sees("unavailable", rosaline.boundjid.full)
            # back, on the other pod; both learn of each other without asking
            async with online(cluster, "rosaline", cluster.pods[0]) as again:
                await benvolio.sees("available", again.boundjid.full)
                await again.sees("available", benvolio.boundjid.full)

    run(evening())


def test_a_message_for_somebody_absent_waits(run, cluster):
    async def night() -> None:
        async with AsyncExitStack() as stack:
            tybalt, paris = await couple(stack, cluster, "tybalt", "paris")
            await befriend(tybalt, paris)
            await paris.disconnect()
            await tybalt.sees("unavailable", paris.boundjid.full)
            tybalt.send_message(paris.boundjid.bare, "Where were you?", mtype="chat")
            # answered after the message was taken: one stream is handled in order
            await tybalt.plugin["xep_0199"].ping(cluster.domain)
            async with online(cluster, "paris", cluster.pods[0]) as back:
                waiting = await back.hears(tybalt.boundjid.full)
                assert waiting["body"] == "Where were you?"
                assert waiting["delay"]["from"] == cluster.domain
                assert waiting["delay"]["stamp"].tzinfo is not None

    run(night())


def test_the_roster_is_the_same_on_every_pod(run, cluster):
    async def addresses() -> None:
        async with AsyncExitStack() as stack:
            nurse, peter = await couple(stack, cluster, "nurse", "peter")
            await befriend(nurse, peter)
            await nurse.update_roster(peter.boundjid.bare, name="My man Peter", groups=["Servants"])
            async with online(cluster, "nurse", cluster.pods[1]) as elsewhere:
                item = elsewhere.client_roster[peter.boundjid.bare]
                assert (item["name"], item["groups"]) == ("My man Peter", ["Servants"])
                assert item["subscription"] == "both"
                pushed = asyncio.ensure_future(nurse.wait_until("roster_update", 10))
                await elsewhere.update_roster(peter.boundjid.bare, subscription="remove")
                items = (await pushed)["roster"]["items"]
                assert items[slixmpp.JID(peter.boundjid.bare)]["subscription"] == "remove"

    run(addresses())


def test_the_server_and_the_other_client_say_what_they_are(run, cluster):
    async def questions() -> None:
        async with AsyncExitStack() as stack:
            friar, apothecary = await couple(stack, cluster, "friar", "apothecary")
            assert await friar.plugin["xep_0199"].ping(cluster.domain) < 10
            assert await friar.plugin["xep_0199"].ping(apothecary.boundjid) < 10
            version = await friar.plugin["xep_0092"].get_version(cluster.domain)
            assert version["software_version"]["name"] == "Roost"
            time = await friar.plugin["xep_0202"].get_entity_time(cluster.domain)
            # read as it stands, for slixmpp's own reading puts a second Z behind (XEP-0082 section 3.2)
            utc = time["entity_time"].xml.findtext("{urn:xmpp:time}utc")
            assert abs(datetime.now(UTC) - datetime.fromisoformat(utc)) < timedelta(minutes=1)
            server = await friar.plugin["xep_0030"].get_info(cluster.domain)
            assert ("server", "im") in {each[:2] for each in server["disco_info"]["identities"]}
            assert {"urn:xmpp:ping", "jabber:iq:version", "urn:xmpp:time"} <= set(
                server["disco_info"]["features"]
            )
            client = await friar.plugin["xep_0030"].get_info(apothecary.boundjid)
            assert "urn:xmpp:ping" in client["disco_info"]["features"]

    run(questions())
