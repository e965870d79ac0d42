"""How many sessions and pods there are, as the registry has them."""

from __future__ import annotations

import asyncio

import pytest

from figures import told
from roost.cluster import keys
from roost.cluster.census import Census, Drift
from roost.cluster.registry import Registry
from roost.core.ports import BusUnavailable
from roost.protocol.jid import Jid

ROMEO = Jid.parse("romeo@example.net/orchard")
JULIET = Jid.parse("juliet@example.net/balcony")


def test_all_pods_with_a_lease_count_and_their_sessions(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        registry, census = (
            Registry(redis, sessions_per_account=20, directed_per_session=1000),
            Census(redis, lambda: True),
        )
        async with opened(redis):
            for name in ("pod1", "pod2"):
                await redis.call(keys.PODS, "ZADD", keys.PODS, 1, name)
            await registry.bind(ROMEO, "s1", "pod1")
            await registry.bind(JULIET, "s2", "pod2")
            await registry.bind(JULIET.with_resource("chamber"), "s3", "pod2")
            assert await census.look() == (2, 3)
            looking = asyncio.ensure_future(census.run())
            await eventually(lambda: told(census, "registry_pods") == 2)
            assert told(census, "registry_sessions") == 3
            looking.cancel()

    run(play())


def test_only_one_process_tells(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        census = Census(redis, lambda: False)
        async with opened(redis):
            assert await census.look() is None
            assert told(census, "registry_sessions") is None

    run(play())


def test_a_ghost_is_seen(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        here = [JULIET]
        registry, drift = (
            Registry(redis, sessions_per_account=20, directed_per_session=1000),
            Drift(redis, "pod1", lambda: len(here)),
        )
        async with opened(redis):
            await registry.bind(JULIET, "s1", "pod1")
            assert await drift.look() == 0
            await registry.bind(ROMEO, "s2", "pod1")
            assert await drift.look() == 1
            here.append(ROMEO)
            here.append(ROMEO)
            assert await drift.look() == -1

    run(play())


def test_nothing_is_told_while_redis_is_away(own_valkey, run, client, opened, eventually):
    async def play():
        redis = client(own_valkey.url, timeout=0.3)
        drift = Drift(redis, "pod1", lambda: 0)
        async with opened(redis):
            drift._found = 7
            own_valkey.kill()
            with pytest.raises(BusUnavailable):
                await drift.look()
            looking = asyncio.ensure_future(drift.run())
            await eventually(lambda: told(drift, "registry_drift") is None)
            looking.cancel()

    run(play())
