"""The last leg: queues to sessions, repair of what was lost, and clients that do not read."""

from __future__ import annotations

import asyncio

from figures import told
from pods import JULIET, pods
from roost.cluster import keys
from roost.protocol.jid import Jid


def test_a_lost_publication_is_read_from_the_queue(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            hear = there.couriers._publication
            channel = keys.channel(JULIET)
            there.redis.subscribe(channel, lambda _data: None)  # deaf for a while
            for number in range(3):
                await here.deliver(JULIET, "r", "balcony", b"%d" % number)
            await there.redis.call(channel, "PING")
            there.redis.subscribe(channel, hear)
            await here.deliver(JULIET, "r", "balcony", b"3")
            await juliet.until(lambda one: len(one.taken) == 4)
            assert juliet.taken == [b"0", b"1", b"2", b"3"]
            assert there.gaps == 1

    run(play())


def test_a_client_that_does_not_read_is_given_nothing_until_it_does(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            juliet.room = 2
            for number in range(250):
                await here.deliver(JULIET, "r", "balcony", b"%d" % number)
            await there.redis.call(keys.channel(JULIET), "PING")
            assert len(juliet.taken) == 2
            juliet.room = 10_000
            juliet.courier.resume()
            await juliet.until(lambda one: len(one.taken) == 250)
            assert juliet.taken == [b"%d" % number for number in range(250)]

    run(play())


def test_a_client_that_reads_may_be_sent_more_than_its_queues_bound(redis_url, run):
    """Its queue holds what it has, until that is trimmed: it must not be taken for one that does not read."""

    async def play():
        async with pods(redis_url, queue=64) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            for number in range(500):
                assert await here.deliver(JULIET, "r", "balcony", b"%d" % number) == 1
            await juliet.until(lambda one: len(one.taken) == 500)
            assert juliet.notices == []
            await there.redis.answered()
            assert await there.redis.call(keys.channel(JULIET), "XLEN", keys.queue(JULIET, "s1")) < 64

    run(play())


def test_a_server_that_goes_and_comes_back_empty(own_valkey, run):
    async def play():
        async with pods(own_valkey.url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            await here.deliver(JULIET, "r", "balcony", b"before")
            await juliet.until(lambda one: len(one.taken) == 1)
            came_back = asyncio.Event()

            async def again():
                there.couriers.restart()
                await there.registry.bind(Jid.parse(f"{JULIET}/balcony"), "s1", "pod", "0\t", b"<presence/>")
                came_back.set()

            there.redis.on_return(again)
            own_valkey.kill()
            await asyncio.to_thread(own_valkey.start)
            await came_back.wait()
            assert await here.deliver(JULIET, "r", "balcony", b"after") == 1
            await juliet.until(lambda one: len(one.taken) == 2)
            assert juliet.taken == [b"before", b"after"]

    run(play())


def test_two_sessions_of_an_account_share_a_channel_until_the_last_leaves(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            one = await pod.session(f"{JULIET}/balcony", "s1")
            await pod.session(f"{JULIET}/chamber", "s2")
            pod.couriers.detach("s2")
            pod.couriers.detach("s2")
            assert await pod.deliver(JULIET, "r", "balcony", b"still here") == 1
            await one.until(lambda client: client.taken == [b"still here"])
            pod.couriers.detach("s1")
            assert await pod.redis.call(keys.channel(JULIET), "SPUBLISH", keys.channel(JULIET), "x") == 0

    run(play())


def test_delays_are_counted(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            for number in range(10):
                await here.deliver(JULIET, "r", "balcony", b"%d" % number)
            await juliet.until(lambda one: len(one.taken) == 10)
            for name in ("bus_lag_seconds", "delivery_seconds"):
                found = told(there.couriers, name)
                assert sum(found.counts) == 10
                assert 0 < found.sum / found.scale < 10

    run(play())


def test_only_what_the_client_has_got_is_taken_off_the_queue(redis_url, run):
    """A client that is out of reach: what was written to its socket is not lost with it."""

    async def play():
        async with pods(redis_url, 1) as (pod,):
            juliet = await pod.session(f"{JULIET}/balcony", "s1")
            queue = keys.queue(JULIET, "s1")

            async def waiting():
                await pod.couriers._trim()
                return await pod.redis.call(queue, "XLEN", queue)

            async def say(*words):
                for word in words:
                    await pod.deliver(JULIET, "r", "balcony", word)
                await juliet.until(lambda one: one.taken[-1] == words[-1])

            juliet.got = 0
            await say(b"1", b"2")
            assert await waiting() == 2
            await say(b"3")
            juliet.got = 2  # it is never seen to have all, and gets on
            assert await waiting() == 1
            juliet.got = 3
            assert await waiting() == 0
            await say(b"4")
            assert await waiting() == 1
            juliet.got = None
            assert await waiting() == 0

    run(play())


def test_what_waits_for_a_client_is_heard_soon_and_delivered_late(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            juliet.room = 1
            juliet.got = 0
            for number in range(5):
                await here.deliver(JULIET, "r", "balcony", b"%d" % number)
            await there.redis.call(keys.channel(JULIET), "PING")
            assert sum(told(there.couriers, "bus_lag_seconds").counts) == 5
            assert sum(told(there.couriers, "delivery_seconds").counts) == 1
            assert told(there.couriers, "queues_paused") == 1
            assert told(there.couriers, "queues_entries") == 5
            juliet.room = 10_000
            juliet.courier.resume()
            await juliet.until(lambda one: len(one.taken) == 5)
            assert sum(told(there.couriers, "delivery_seconds").counts) == 5
            assert told(there.couriers, "queues_paused") == 0
            juliet.got = None
            await there.couriers._trim()
            assert told(there.couriers, "queues_entries") == 0

    run(play())


def test_what_a_client_had_not_got_when_it_left_stays(redis_url, run):
    async def play():
        async with pods(redis_url, 1) as (pod,):
            for sid, got, left in (("s1", 0, 1), ("s2", None, 0)):
                juliet = await pod.session(f"{JULIET}/{sid}", sid)
                juliet.got = got
                await pod.deliver(JULIET, "r", sid, b"goodbye")
                await juliet.until(lambda one: one.taken)
                pod.couriers.detach(sid)
                queue = keys.queue(JULIET, sid)
                assert await pod.redis.call(queue, "XLEN", queue) == left
                juliet.courier.settle()
                assert await pod.redis.call(queue, "XLEN", queue) == 0

    run(play())


def test_a_clock_that_is_ahead_makes_no_time_negative(redis_url, run, monkeypatch):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            monkeypatch.setattr("roost.cluster.courier.time_ns", lambda: 1_500_000_000_000_000_000)
            await here.deliver(JULIET, "r", "balcony", b"from the future")
            await juliet.until(lambda one: one.taken)
            found = told(there.couriers, "delivery_seconds")
            assert (found.counts[0], found.sum) == (1, 0)

    run(play())


def test_what_cannot_be_read_is_dropped_and_told_of_and_the_rest_comes(redis_url, run):
    """A release that is too far from ours: nothing breaks but what it said."""

    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            channel, queue = keys.channel(JULIET), keys.queue(JULIET, "s1")
            for unreadable in ("s1:soon\n1\t0\nstanza", "s1\n1\t0\nstanza", "c\tclose\n\n", "nothing"):
                await here.redis.call(channel, "SPUBLISH", channel, unreadable)
            await here.redis.call(channel, "SPUBLISH", channel, "c\tdance\ts1\tnow\tnewer\n\n")
            await here.redis.call(queue, "XADD", queue, "1-0", "d", "no head")
            assert await here.deliver(JULIET, "r", "balcony", b"and now") == 1
            await juliet.until(lambda one: one.taken)
            assert juliet.taken == [b"and now"]
            assert juliet.notices == [("dance", "now")]  # the session does not know it either
            assert [where for where, _error in there.bugs] == ["a publication"] * 4 + ["an entry of a queue"]

    run(play())


def test_many_with_large_queues_read_on_at_once(own_valkey, run):
    """Redis cuts off who has more than 32 MiB outstanding; they would ask for the same again, for ever."""

    async def play():
        async with pods(own_valkey.url) as (here, there):
            names = [f"s{number}" for number in range(12)]
            sessions = [await there.session(f"{JULIET}/{name}", name) for name in names]
            for session in sessions:
                session.room = 1
            for name in names:
                for number in range(20):
                    await here.deliver(JULIET, "r", name, b"%d " % number + b"x" * 250_000)
            for session in sessions:
                session.room = 10_000
                session.courier.resume()
            for session in sessions:
                await session.until(lambda one: len(one.taken) == 20)
                assert [int(stanza.partition(b" ")[0]) for stanza in session.taken] == list(range(20))
            assert there.redis.reconnects == 0

    run(play())
