"""News: everyone who listens hears, this process included."""

from __future__ import annotations

import asyncio

from pods import Pod
from roost.cluster.news import News


def test_all_processes_hear(redis_url, run):
    async def play():
        made = [Pod(redis_url) for _ in range(2)]
        heard = [asyncio.get_running_loop().create_future() for _ in made]
        for pod, future in zip(made, heard, strict=True):
            News(pod.redis, "presence").listen(future.set_result, lambda: None)
            await pod.redis.open()
        News(made[0].redis, "presence").tell(["romeo@example.net", "juliet@example.net"])
        assert await asyncio.gather(*heard) == [["romeo@example.net", "juliet@example.net"]] * 2
        for pod in made:
            await pod.redis.close()

    run(play())


def test_after_a_reconnection_nothing_is_sure(own_valkey, run):
    async def play():
        pod = Pod(own_valkey.url)
        doubt = asyncio.Event()
        News(pod.redis, "presence").listen(lambda _names: None, doubt.set)
        await pod.redis.open()
        own_valkey.kill()
        await asyncio.to_thread(own_valkey.start)
        await doubt.wait()
        await pod.redis.close()

    run(play())
