"""Who is online, where: real engines, fencing, and what an ended session leaves."""

from __future__ import annotations

import asyncio

import pytest

from pods import JULIET, Client, pods
from roost.cluster import keys
from roost.cluster.registry import Registry
from roost.protocol.jid import Jid


def test_what_left_is_trimmed_and_the_rest_stays(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            juliet = await pod.session(f"{JULIET}/balcony", "s1")
            juliet.room = 3
            for number in range(5):
                await pod.deliver(JULIET, "r", "balcony", b"%d" % number)
            await juliet.until(lambda one: len(one.taken) == 3)
            pod.couriers.detach("s1")
            assert await pod.registry.end(Jid.parse(f"{JULIET}/balcony"), "s1")
            jid = Jid.parse(f"{JULIET}/balcony")
            left = await pod.registry.leftover(jid, "s1")
            assert (await pod.registry.forget(jid, "s1", "pod", 0)).stanzas == (b"3", b"4")
            assert left.presence == b"<presence/>"

    run(play())


def test_what_another_session_has_got_is_not_left_over(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            for name in ("balcony", "chamber"):
                session = await pod.session(f"{JULIET}/{name}", f"s-{name}")
                session.room = 0
            assert await pod.deliver(JULIET, "m", "", b"to both") == 2
            assert await pod.deliver(JULIET, "r", "chamber", b"to one") == 1
            chamber, balcony = (Jid.parse(f"{JULIET}/{name}") for name in ("chamber", "balcony"))
            for jid, sid, rest in ((chamber, "s-chamber", b"to one"), (balcony, "s-balcony", b"to both")):
                assert await pod.registry.leftover(jid, sid)
                assert (await pod.registry.forget(jid, sid, "pod", 0)).stanzas == (rest,)

    run(play())


def test_a_large_rest_is_handed_on_part_by_part(own_valkey, run):
    """Redis cuts off who has more than 32 MiB outstanding: the whole of a queue may be more than that."""

    async def play():
        async with pods(own_valkey.url, 1) as (pod,):
            juliet = await pod.session(f"{JULIET}/balcony", "s1")
            juliet.room = 0
            for number in range(200):
                await pod.deliver(JULIET, "r", "balcony", b"%d " % number + b"x" * 250_000)
            jid = Jid.parse(f"{JULIET}/balcony")
            pod.couriers.detach("s1")
            assert await pod.registry.leftover(jid, "s1")
            behind, numbers, largest = 0, [], 0
            while (rest := await pod.registry.forget(jid, "s1", "pod", behind)) is not None:
                behind = rest.behind
                numbers += [int(stanza.partition(b" ")[0]) for stanza in rest.stanzas]
                largest = max(largest, sum(map(len, rest.stanzas)))
            assert numbers == list(range(1, 200))  # the first has left for the client
            assert largest < 600_000
            assert pod.redis.reconnects == 0
            assert not await pod.redis.call("k", "KEYS", "?1:*juliet*")

    run(play())


def test_a_new_session_takes_the_resource_and_the_old_one_hears_of_it(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            old = await here.session(f"{JULIET}/balcony", "old")
            new = Client()
            there.couriers.attach(JULIET, "new", new)
            bound = await there.registry.bind(Jid.parse(f"{JULIET}/balcony"), "new", "pod")
            assert bound.accepted
            assert bound.replaced == "old"
            await old.until(lambda one: ("close", "conflict") in one.notices)
            assert await here.deliver(JULIET, "r", "balcony", b"x") == 1
            await new.until(lambda one: one.taken == [b"x"])
            assert old.taken == []
            assert not await here.registry.end(Jid.parse(f"{JULIET}/balcony"), "old")

    run(play())


def test_an_account_has_a_bounded_number_of_sessions(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            for number in range(20):
                await pod.session(f"{JULIET}/r{number}", f"s{number}")
            bound = await pod.registry.bind(Jid.parse(f"{JULIET}/one-more"), "s20", "pod")
            assert not bound.accepted

    run(play())


def test_a_late_owner_changes_nothing(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            await pod.session(f"{JULIET}/balcony", "mine", priority=1)
            heard = asyncio.get_running_loop().create_future()
            pod.registry.available(
                Jid.parse(f"{JULIET}/balcony"), "late", 9, b"<presence/>", heard.set_result
            )
            assert await heard == 0
            assert (await pod.registry.sessions([JULIET]))[0][0].priority == 1

    run(play())


def test_presences_are_those_of_live_sessions(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            await pod.session(f"{JULIET}/balcony", "s1")
            await pod.session(f"{JULIET}/chamber", "s2")
            await pod.registry.end(Jid.parse(f"{JULIET}/chamber"), "s2")
            assert await pod.registry.presences([JULIET, "nobody@example.net"]) == [
                [("balcony", b"<presence/>")],
                [],
            ]
            heard = asyncio.get_running_loop().create_future()
            pod.registry.unavailable(Jid.parse(f"{JULIET}/balcony"), "s1", heard.set_result)
            assert await heard == 1
            assert await pod.registry.presences([JULIET]) == [[]]

    run(play())


def test_directed_presence_is_remembered_until_it_is_taken_back(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            jid = Jid.parse(f"{JULIET}/balcony")
            await pod.session(jid.full, "s1")
            for to, available in (("a@b", True), ("c@d", True), ("a@b", False)):
                heard = asyncio.get_running_loop().create_future()
                pod.registry.directed(jid, "s1", to, heard.set_result, available=available)
                assert await heard == 1
            assert await pod.registry.directed_to(jid, "s1") == ("c@d",)
            assert (await pod.registry.leftover(jid, "s1")).directed == ("c@d",)

    run(play())


def test_directed_presence_is_remembered_within_a_bound(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            jid = Jid.parse(f"{JULIET}/balcony")
            await pod.session(jid.full, "s1")
            registry = Registry(pod.redis, sessions_per_account=20, directed_per_session=2)
            for to, available in (("a@b", True), ("c@d", True), ("e@f", True), ("a@b", False), ("g@h", True)):
                heard = asyncio.get_running_loop().create_future()
                registry.directed(jid, "s1", to, heard.set_result, available=available)
                assert await heard == 1
            assert set(await registry.directed_to(jid, "s1")) == {"c@d", "g@h"}

    run(play())


@pytest.mark.parametrize("ended", [False, True], ids=["a dead pod's", "one that was closed"])
def test_what_is_left_of_a_session_can_be_asked_again(redis_url, run, ended):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            await pod.session(f"{JULIET}/balcony", "s1")
            jid = Jid.parse(f"{JULIET}/balcony")
            if ended:
                assert await pod.registry.end(jid, "s1")
            left = [await pod.registry.leftover(jid, "s1") for _ in range(2)]
            assert left[0] == left[1]
            assert left[0].record.ended
            assert await pod.registry.forget(jid, "s1", "pod", 0) is None
            assert await pod.registry.leftover(jid, "s1") is None

    run(play())


def test_a_session_that_was_refused_is_not_in_its_pods_index(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            for number in range(21):
                await pod.registry.bind(Jid.parse(f"{JULIET}/r{number}"), f"s{number}", "pod")
            index = keys.pod_sessions("pod")
            assert await pod.redis.call(index, "SCARD", index) == 20

    run(play())
