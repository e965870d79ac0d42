"""The cluster at a glance, on one server and on three masters."""

from __future__ import annotations

from pods import JULIET, Pod
from roost.cluster import keys
from roost.cluster.leases import PodLease
from roost.cluster.overview import Overview
from roost.cluster.shards import ShardedService, ShardStream
from roost.protocol.jid import Jid


async def _nothing():
    pass


def _lease(redis, name):
    return PodLease(
        redis,
        name,
        lease_seconds=15,
        heartbeat_seconds=5,
        on_empty=_nothing,
        on_fenced=_nothing,
        count=lambda _outcome: None,
    )


def test_pods_their_leases_and_sessions(redis_url, run, opened):
    async def play():
        pod = Pod(redis_url)
        lease, overview = _lease(pod.redis, "pod-a"), Overview(pod.redis)
        async with opened(pod.redis):
            assert await overview.pods() == []
            await lease.take()
            for number in range(3):
                await pod.registry.bind(Jid.parse(f"{JULIET}/r{number}"), f"s{number}", "pod-a")
            await pod.registry.bind(Jid.parse(f"{JULIET}/x"), "s9", "pod-dead")
            await pod.redis.call(keys.SWEPT, "SADD", keys.SWEPT, "pod-dead")
            alive, dead = await overview.pods()
            assert (alive.id, alive.sessions, alive.swept) == ("pod-a", 3, False)
            assert 10 < alive.lease <= 15
            assert (dead.id, dead.sessions, dead.swept, dead.lease) == ("pod-dead", 1, True, None)

    run(play())


def test_shards_their_owners_and_what_waits(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        stream = ShardStream(redis, "presence", 4, waiting=1000)
        service = ShardedService(
            redis,
            "presence",
            2,  # of four, so that two have no owner
            "owner-1",
            lambda _number: None,
            lease_seconds=15,
            heartbeat_seconds=5,
            on_bug=lambda _where, bug: None,
        )
        async with opened(redis):
            await service._round()
            for number in range(40):
                await stream.append(f"user{number}@example.net", b"x")
            shards = await Overview(redis).shards("presence", 4)
            assert [one.number for one in shards] == [0, 1, 2, 3]
            assert [one.owner for one in shards] == ["owner-1", "owner-1", None, None]
            assert all(10 < one.lease <= 15 for one in shards[:2])
            assert sum(one.waiting for one in shards[2:]) > 0

    run(play())


def test_servers(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        async with opened(redis):
            servers = await Overview(redis).servers()
            assert len(servers) == (3 if "cluster" in redis_url else 1)
            for server in servers:
                assert server.product == "Valkey"
                assert server.version.count(".") == 2
                assert server.memory > 100_000

    run(play())
