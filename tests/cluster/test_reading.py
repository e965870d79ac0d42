"""Reads of logs are bounded, each and all together."""

from __future__ import annotations

import asyncio

from roost.cluster.reading import LogReader

LOG = "s1:{test:0}"


async def _read(reader, position):
    heard = asyncio.get_running_loop().create_future()
    reader.read(LOG, position, heard.set_result)
    return await heard


def test_a_read_ends_at_so_many_entries_or_bytes(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        reader = LogReader(redis)
        async with opened(redis):
            assert await _read(reader, 0) == [1]
            for number in range(250):
                await redis.call(LOG, "XADD", LOG, f"1-{number + 5}", "d", b"%d" % number)
            end, *found = await _read(reader, 0)
            assert (end, found[::2]) == (0, list(range(5, 105)))
            end, *found = await _read(reader, 205)
            assert (end, found[::2]) == (1, list(range(205, 255)))
            assert found[1] == b"200"
            for number in range(3):
                await redis.call(LOG, "XADD", LOG, f"1-{number + 300}", "d", b"x" * 200_000)
            end, *found = await _read(reader, 300)
            assert (end, found[::2]) == (0, [300])
            end, *found = await _read(reader, 302)
            assert (end, found[::2]) == (1, [302])

    run(play())


def test_so_many_are_under_way_and_the_rest_follows_in_turn(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        reader = LogReader(redis)
        async with opened(redis):
            await redis.call(LOG, "XADD", LOG, "1-0", "d", b"x")
            before = redis.sent = 0
            send = redis.send

            def counted(*command):
                redis.sent += 1
                send(*command)

            redis.send = counted
            heard = [asyncio.get_running_loop().create_future() for _ in range(100)]
            for one in heard:
                reader.read(LOG, 0, one.set_result)
            assert redis.sent - before == 32
            assert await asyncio.gather(*heard) == [[1, 0, b"x"]] * 100
            assert redis.sent == 100

    run(play())


def test_what_was_read_for_good_is_dropped(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        reader = LogReader(redis)
        async with opened(redis):
            for number in range(5):
                await redis.call(LOG, "XADD", LOG, f"1-{number}", "d", b"x")
            reader.drop(LOG, 3)
            assert await redis.call(LOG, "XLEN", LOG) == 2
            heard = asyncio.get_running_loop().create_future()
            reader.look(LOG, heard.set_result)
            assert (await heard)[b"last-generated-id"] == b"1-4"

    run(play())
