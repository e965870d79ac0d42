"""Processes that say what they are, and the log levels that are asked of them."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from dataclasses import replace

from roost.cluster import keys
from roost.cluster.member import CONFIGURED, About, LogLevels, Member
from roost.cluster.overview import Overview

ABOUT = About("id-1", "presence", "pod-1", "1.0", "example.net", 1.5, 3, 1, 16, "host:9090")


class Process:
    """A member that remembers what was asked of its log."""

    def __init__(self, redis, id="id-1", *, pod="pod-1", heartbeat=60):
        self.levels = []
        self.about = replace(ABOUT, id=id, pod=pod)
        self.member = Member(redis, self.about, heartbeat_seconds=heartbeat, on_level=self.levels.append)

    @asynccontextmanager
    async def living(self, redis, eventually):
        task = asyncio.create_task(self.member.run())
        await eventually(lambda: self.known(redis))
        try:
            yield self
        finally:
            task.cancel()

    async def known(self, redis):
        return await redis.call(keys.PROCESSES, "ZSCORE", keys.PROCESSES, self.about.id)


def test_it_is_known_until_it_leaves(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        process, other, overview = Process(redis), Process(redis, "id-2"), Overview(redis)
        async with (
            opened(redis),
            process.living(redis, eventually),
            other.living(redis, eventually),
        ):
            first, second = await overview.processes()
            assert {first.about, second.about} == {process.about, other.about}
            assert first.silent < 5
            await process.member.leave()
            assert [one.about.id for one in await overview.processes()] == ["id-2"]
            assert not await redis.call(keys.PROCESSES, "EXISTS", keys.about("id-1"))

    run(play())


def test_one_that_died_is_told_of_for_a_while(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        dead, alive = Process(redis, "dead"), Process(redis, "alive")
        async with opened(redis):
            async with dead.living(redis, eventually):
                pass
            long_ago = int((time.time() - 600) * 1000)
            await redis.call(keys.PROCESSES, "ZADD", keys.PROCESSES, long_ago, "dead")
            async with alive.living(redis, eventually):
                silent = {one.about.id: one.silent for one in await Overview(redis).processes()}
                assert 590 < silent["dead"] < 610
                assert await redis.call(keys.PROCESSES, "PTTL", keys.about("dead")) > 0
                await redis.call(keys.PROCESSES, "ZADD", keys.PROCESSES, long_ago - 400_000, "dead")
                await alive.member._beat()
                assert [one.about.id for one in await Overview(redis).processes()] == ["alive"]

    run(play())


def test_a_drain_is_said_at_once(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        process, overview = Process(redis, heartbeat=3600), Overview(redis)

        async def draining():
            [one] = await overview.processes()
            return one.about.draining

        async with opened(redis), process.living(redis, eventually):
            assert not await draining()
            process.member.drain()
            await eventually(draining)

    run(play())


def test_what_an_older_release_does_not_say_is_not_so(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        process, overview = Process(redis), Overview(redis)
        async with opened(redis), process.living(redis, eventually):
            await redis.call(keys.PROCESSES, "HDEL", keys.about("id-1"), "draining")
            [one] = await overview.processes()
            assert one.about == process.about
            assert not one.about.draining

    run(play())


def test_what_a_newer_release_says_is_understood(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        process, overview = Process(redis), Overview(redis)
        async with opened(redis), process.living(redis, eventually):
            await redis.call(keys.PROCESSES, "HSET", keys.about("id-1"), "colour", "blue")
            assert [one.about for one in await overview.processes()] == [process.about]
            await redis.call(keys.PROCESSES, "HDEL", keys.about("id-1"), "role")
            assert await overview.processes() == []

    run(play())


def test_all_hear_of_a_level_at_once_and_one_that_starts_later_too(
    redis_url, run, client, opened, eventually
):
    async def play():
        redis = client(redis_url)
        levels = LogLevels(redis)
        one, later = Process(redis, "one"), Process(redis, "later", pod="pod-2")
        async with opened(redis), one.living(redis, eventually):
            await levels.ask(None, "debug", 60)
            await eventually(lambda: one.levels == ["debug"])
            async with later.living(redis, eventually):
                await eventually(lambda: later.levels == ["debug"])

    run(play())


def test_one_pod_is_asked_and_then_all(redis_url, run, client, opened, eventually):
    async def play():
        here, there = client(redis_url), client(redis_url)
        levels = LogLevels(here)
        one, other = Process(here, "one"), Process(there, "other", pod="pod-2")
        async with (
            opened(here, there),
            one.living(here, eventually),
            other.living(there, eventually),
        ):
            await levels.ask("pod-2", "debug", 60)
            await eventually(lambda: other.levels == ["debug"])
            await one.member._beat()
            assert one.levels == []
            await levels.ask(None, "error", 60)  # all means all
            await eventually(lambda: (one.levels, other.levels) == (["error"], ["debug", "error"]))
            await levels.ask(None, CONFIGURED, 60)
            await eventually(lambda: (one.levels[-1], other.levels[-1]) == (None, None))

    run(play())


def test_one_pod_keeps_its_own_level_while_all_others_change(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        process, levels = Process(redis), LogLevels(redis)
        async with opened(redis), process.living(redis, eventually):
            await levels.ask(None, "debug", 60)
            await eventually(lambda: process.levels == ["debug"])
            await levels.ask("pod-1", CONFIGURED, 60)
            await eventually(lambda: process.levels == ["debug", None])

    run(play())


def test_a_level_that_was_asked_for_is_not_forgotten(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url)
        process = Process(redis, heartbeat=0.05)
        levels = LogLevels(redis)
        async with opened(redis), process.living(redis, eventually):
            await levels.ask("pod-1", "debug", 0.3)
            await eventually(lambda: process.levels == ["debug"])
            await eventually(lambda: process.levels == ["debug", None])

    run(play())


def test_a_level_ends_also_while_redis_is_away(own_valkey, run, client, opened, eventually):
    async def play():
        redis = client(own_valkey.url, timeout=0.1)
        process = Process(redis, heartbeat=0.05)
        levels = LogLevels(redis)
        async with opened(redis), process.living(redis, eventually):
            await levels.ask(None, "debug", 1)
            await eventually(lambda: process.levels == ["debug"])
            own_valkey.kill()
            await eventually(lambda: process.levels == ["debug", None])

    run(play())
