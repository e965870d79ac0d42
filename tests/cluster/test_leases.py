"""Pods' leases on real engines: kept, given back, lost; what a dead pod left is swept, whoever dies at it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from roost.cluster import keys
from roost.cluster.leases import Epoch, PodLease, Sweeper
from roost.core.ports import BusUnavailable
from roost.protocol.envelope import decode_entry


class Pod:
    """A pod's lease and what it was told."""

    def __init__(self, redis, name, *, lease=60.0, heartbeat=30.0):
        self.redis = redis
        self.name = name
        self.told = []
        self.refusals = 0
        self.lease = PodLease(
            redis,
            name,
            lease_seconds=lease,
            heartbeat_seconds=heartbeat,
            on_empty=self._empty,
            on_fenced=self._fenced,
            count=self.told.append,
        )

    async def _empty(self):
        if self.refusals:
            self.refusals -= 1
            raise BusUnavailable("away again")
        self.told.append("enter again")

    async def _fenced(self):
        self.told.append("fenced")

    @asynccontextmanager
    async def living(self):
        await self.lease.take()
        life = asyncio.ensure_future(self.lease.run())
        try:
            yield
        finally:
            life.cancel()
            await asyncio.wait([life])

    async def enter(self, *sessions):
        index = keys.pod_sessions(self.name)
        await self.redis.call(index, "SADD", index, *sessions)

    async def expire(self):
        await self.redis.call(keys.PODS, "ZADD", keys.PODS, 1, self.name)


class Presence:
    """The way in to the presence service; it may fail."""

    def __init__(self):
        self.ended = []
        self.room = 10_000

    async def append(self, key, entry):
        if len(self.ended) >= self.room:
            raise BusUnavailable("full")
        read = decode_entry(entry)
        assert key == read.bare
        assert (read.verb, read.extra, read.raw) == ("ended", "crashed", b"")
        self.ended.append((read.subject, read.sid))


def sessions(count):
    return [f"user{number}@example.net/balcony\tsid{number}" for number in range(count)]


def named(count):
    return {tuple(session.split("\t")) for session in sessions(count)}


async def sweep(redis, presence):
    swept = []
    await Sweeper(redis, presence, lambda pod, ended: swept.append((pod, ended)), lease_seconds=60).sweep()
    return swept


def test_a_pod_that_beats_is_not_swept(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "pod1", lease=0.5, heartbeat=0.1)
        async with opened(redis), pod.living():
            await pod.enter(*sessions(1))
            await eventually(lambda: pod.told.count("renewed") >= 8)  # longer than a lease
            assert await sweep(redis, Presence()) == []
            assert set(pod.told) == {"renewed"}

    run(play())


def test_the_sessions_of_a_dead_pod_are_ended(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        presence, swept = Presence(), []
        dead, alive = Pod(redis, "dead", lease=0.2), Pod(redis, "alive")
        sweeper = Sweeper(redis, presence, lambda pod, ended: swept.append((pod, ended)), lease_seconds=60)
        async with opened(redis):
            await dead.lease.take()
            await alive.lease.take()
            await dead.enter(*sessions(450))
            await alive.enter("juliet@example.net/orchard\tsid")

            async def looked():
                await sweeper.sweep()
                return swept

            await eventually(looked)
            assert swept == [("dead", 450)]
            assert len(presence.ended) == 450
            assert set(presence.ended) == named(450)
            assert await sweep(redis, presence) == []

    run(play())


def test_a_sweep_that_dies_is_done_again(redis_url, run, client, opened):
    """At whatever point it dies, each session is ended at least once, and the pod is not forgotten before."""

    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "dead")
        async with opened(redis):
            for room in (0, 1, 200, 250, 449):
                await pod.lease.take()
                await pod.enter(*sessions(450))
                await pod.expire()
                presence = Presence()
                presence.room = room
                with pytest.raises(BusUnavailable):
                    await sweep(redis, presence)
                presence.room = 10_000
                assert [one for one, _ in await sweep(redis, presence)] == ["dead"]
                assert set(presence.ended) == named(450)
                assert await redis.call(keys.SWEPT, "SMEMBERS", keys.SWEPT) in ([], set())

    run(play())


def test_a_pod_that_was_swept_is_told_once(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "slow", heartbeat=0.05)
        async with opened(redis), pod.living():
            await pod.expire()
            await sweep(redis, Presence())
            await eventually(lambda: "fenced" in pod.told)
            await redis.call(keys.PODS, "PING")
            assert pod.told.count("fenced") == 1
            assert "enter again" not in pod.told

    run(play())


def test_a_pod_whose_sweep_is_going_on_gets_no_lease(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "slow", heartbeat=0.05)
        async with opened(redis), pod.living():
            await redis.call(keys.SWEPT, "SADD", keys.SWEPT, "slow")
            await eventually(lambda: "fenced" in pod.told)

    run(play())


def test_a_lease_that_was_given_back_leaves_nothing(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "pod1")
        async with opened(redis), pod.living():
            await pod.lease.release(empty=True)
            assert await redis.call(keys.PODS, "ZCARD", keys.PODS) == 0
            await pod.lease._beat()
            assert pod.told == []

    run(play())


def test_a_lease_given_back_with_sessions_left_has_run_out(redis_url, run, client, opened):
    """They end at the next look, and not only when a whole lease is over."""

    async def play():
        redis = client(redis_url)
        pod, presence = Pod(redis, "pod1"), Presence()
        async with opened(redis), pod.living():
            await pod.enter(*sessions(2))
            await pod.lease.release(empty=False)
            assert await sweep(redis, presence) == [("pod1", 2)]
            assert set(presence.ended) == named(2)
            await pod.lease._beat()
            assert pod.told == []

    run(play())


def test_an_empty_redis_is_told_from_a_lost_lease(own_valkey, run, client, opened, eventually):
    async def play():
        redis = client(own_valkey.url)
        pod = Pod(redis, "pod1", heartbeat=0.05)
        pod.refusals = 2
        async with opened(redis), pod.living():
            own_valkey.kill()
            await asyncio.to_thread(own_valkey.start)
            await eventually(lambda: "enter again" in pod.told)
            assert "fenced" not in pod.told
            assert await redis.call(keys.PODS, "ZCARD", keys.PODS) == 1
            assert pod.told.count("enter again") == 1

    run(play())


def test_a_redis_that_is_emptied_between_two_questions(redis_url, run, client, opened):
    """The mark was still there when the pod looked, and the lease gone when it beat."""

    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "pod1")
        async with opened(redis), pod.living():
            renew = pod.lease._renew

            async def emptied(*, first):
                pod.lease._renew = renew
                for mark in redis.one_each(keys.EPOCH):
                    await redis.call(mark, "DEL", mark)
                await redis.call(keys.PODS, "DEL", keys.PODS)
                return await renew(first=first)

            pod.lease._renew = emptied
            await pod.lease._beat()
            assert pod.told[:1] == ["empty"]
            assert await redis.call(keys.PODS, "ZCARD", keys.PODS) == 1

    run(play())


def test_one_master_that_came_back_empty_is_noticed(valkey_cluster, run, client, opened):
    async def play():
        valkey_cluster.flush()
        redis = client(valkey_cluster.url)
        epoch, other = Epoch(redis), Epoch(redis)
        async with opened(redis):
            assert not await epoch.changed()
            assert not await other.changed()
            for node in valkey_cluster.nodes:
                assert not await epoch.changed()
                node.admin().flushall()
                assert await epoch.changed()
                assert await other.changed()
                assert not await epoch.changed()

    run(play())
