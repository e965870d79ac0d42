"""What an ended session has left in its queue: each entry goes once, in order, whoever hands it on."""

from __future__ import annotations

from contextlib import asynccontextmanager

from pods import JULIET, Pod
from roost.cluster import keys
from roost.cluster.leftovers import Leftovers
from roost.protocol.jid import Jid

BALCONY = Jid.parse(f"{JULIET}/balcony")


@asynccontextmanager
async def balcony(url, *waiting):
    """A pod with a session that has ended, in whose queue these wait; and who hands them on."""
    pod = Pod(url)
    leftovers = Leftovers(pod.redis, queue_stanzas=2000)
    await pod.redis.open()
    try:
        session = await pod.session(BALCONY.full, "old")
        session.room = 0
        pod.couriers.detach("old")
        for stanza in waiting:
            assert await pod.deliver(JULIET, "m", "", stanza, store=True) == 1
        assert await pod.registry.leftover(BALCONY, "old")
        yield pod, leftovers
    finally:
        await pod.redis.close()


async def queue(pod):
    return await pod.redis.call(keys.queue(JULIET, "old"), "XLEN", keys.queue(JULIET, "old"))


async def hand_on(leftovers, rest, at, *, store=True):
    where = (BALCONY, "old", rest.positions[at], rest.stanzas[at])
    return await leftovers.hand_on(*where, "m", "", store=store)


def test_an_entry_goes_to_another_session_once(redis_url, run):
    async def play():
        async with balcony(redis_url, b"1", b"2") as (pod, leftovers):
            chamber = await pod.session(f"{JULIET}/chamber", "new")
            rest = await pod.registry.forget(BALCONY, "old", "pod", 0)
            assert rest.stanzas == (b"1", b"2")
            assert [await hand_on(leftovers, rest, at) for at in (0, 0, 1, 0, 1)] == [1, -1, 1, -1, -1]
            await chamber.until(lambda one: len(one.taken) == 2)
            assert chamber.taken == [b"1", b"2"]
            assert await queue(pod) == 0

    run(play())


def test_what_nobody_took_stays_until_it_is_taken_off(redis_url, run):
    async def play():
        async with balcony(redis_url, b"1", b"2") as (pod, leftovers):
            rest = await pod.registry.forget(BALCONY, "old", "pod", 0)
            assert [await hand_on(leftovers, rest, at) for at in (0, 1)] == [0, 0]
            assert await queue(pod) == 2
            leftovers.take_off(BALCONY, "old", rest.positions[0])
            again = await pod.registry.forget(BALCONY, "old", "pod", 0)
            assert (again.stanzas, again.positions) == (rest.stanzas[1:], rest.positions[1:])

    run(play())


def test_messages_follow_what_an_ended_session_has_left_over(redis_url, run):
    """None overtakes while it is handed on, also when the account has a new session already."""

    async def play():
        async with balcony(redis_url, b"1") as (pod, leftovers):
            left = await pod.registry.forget(BALCONY, "old", "pod", 0)
            new = await pod.session(f"{JULIET}/chamber", "new")
            assert await pod.deliver(JULIET, "m", "", b"2", store=True) == 1
            assert left.stanzas == (b"1",)
            assert await hand_on(leftovers, left, 0) == 1
            rest = await pod.registry.forget(BALCONY, "old", "pod", left.behind)
            assert rest.stanzas == (b"2",)
            assert await hand_on(leftovers, rest, 0) == 1
            assert await pod.registry.forget(BALCONY, "old", "pod", rest.behind) is None
            assert await pod.deliver(JULIET, "m", "", b"3", store=True) == 1
            await new.until(lambda one: len(one.taken) == 3)
            assert new.taken == [b"1", b"2", b"3"]
            assert [record.sid for record in (await pod.registry.sessions([JULIET]))[0]] == ["new"]

    run(play())
