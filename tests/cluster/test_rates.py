"""Limits that hold for the whole cluster, on real engines."""

from __future__ import annotations

from roost.cluster import keys
from roost.cluster.rates import Rates


def test_a_limit_holds_across_processes(redis_url, run, client, opened):
    async def play():
        here, there = client(redis_url), client(redis_url)
        first, second = Rates(here), Rates(there)
        async with opened(here, there):
            taken = [await rates.take("register", 5, 60) for rates in (first, second) * 4]
            assert taken == [True] * 5 + [False] * 3
            assert await first.take("another", 5, 60)

    run(play())


def test_a_window_ends_that_long_after_its_first_event(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        rates = Rates(redis)
        async with opened(redis):
            key = keys.rate("register")
            assert await rates.take("register", 1, 60)
            assert not await rates.take("register", 1, 60)
            assert 0 < await redis.call(key, "PTTL", key) <= 60_000
            await redis.call(key, "PEXPIRE", key, 1)

            async def over():
                return not await redis.call(key, "EXISTS", key)

            await eventually(over)
            assert await rates.take("register", 1, 60)

    run(play())


def test_asking_counts_nothing(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        rates = Rates(redis)
        async with opened(redis):
            assert [await rates.allowed(("login", 2), ("other", 1)) for _ in range(5)] == [True] * 5
            await rates.take("login", 2, 60)
            assert await rates.allowed(("login", 2), ("other", 1))
            await rates.take("login", 2, 60)
            assert not await rates.allowed(("login", 2), ("other", 1))

    run(play())
