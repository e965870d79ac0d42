"""Sharded services on real engines: shared, in order, taken over, fenced, and nothing skipped."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from contextlib import asynccontextmanager, suppress

import pytest

from figures import told
from roost.cluster import keys
from roost.cluster.shards import ShardedService, ShardStream
from roost.core.ports import BusUnavailable
from roost.protocol.envelope import PresenceEntry, encode_entry, now

SHARDS = 8
SERVICE = "test"
_names = itertools.count()


class Process:
    """One process of the service. It remembers what its handlers were given, in order."""

    def __init__(self, redis, *, lease=60.0, heartbeat=30.0):
        self.redis = redis
        self.stream = ShardStream(redis, SERVICE, SHARDS, waiting=10_000)
        self.name = f"process{next(_names)}"
        self.handled = []
        self.bugs = []
        self.changed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble = []
        self.task = None
        self.service = ShardedService(
            redis,
            SERVICE,
            SHARDS,
            self.name,
            lambda number: Handler(self, number),
            lease_seconds=lease,
            heartbeat_seconds=heartbeat,
            on_bug=lambda where, bug: self.bugs.append((where, bug)),
        )

    def start(self):
        self.task = asyncio.get_running_loop().create_task(self.service.run())

    async def stop(self):
        """As a process ends that was asked to."""
        if self.task is not None:
            await self._halt()
            await self.service.finish()
            with suppress(BusUnavailable):
                await self.service.give_back()

    async def _halt(self):
        task, self.task = self.task, None
        task.cancel()
        await asyncio.wait([task])

    async def kill(self):
        """As `kill -9` does: nothing is given back."""
        await self.redis.close()
        for shard in self.service._owned.values():
            shard._task.cancel()
        await self._halt()

    def freeze(self):
        """As SIGSTOP does to its heartbeat; its handlers go on."""

        async def nothing():
            return None

        self.service._round = nothing

    async def until(self, done):
        while not done(self):
            self.changed.clear()
            await self.changed.wait()

    @property
    def entries(self):
        return [entry for _shard, _position, entry in self.handled]


class Handler:
    def __init__(self, process, number):
        self.process = process
        self.number = number

    async def handle(self, entries):
        process = self.process
        await process.gate.wait()
        for position, entry in entries:
            if entry in process.trouble:
                raise ValueError(entry)
            process.handled.append((self.number, position, entry))
        process.changed.set()
        return len(entries)


@asynccontextmanager
async def running(*processes):
    for process in processes:
        await process.redis.open()
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.gate.set()
            await process.stop()
            await process.redis.close()


def users(count):
    return [f"user{number}@example.net" for number in range(count)]


async def fill(stream, rounds, count=40):
    """Some entries for each of many accounts: `name#number`."""
    for number in range(*rounds):
        await asyncio.gather(*(stream.append(user, f"{user}#{number}".encode()) for user in users(count)))


def assert_each_once_and_in_order(processes, rounds, count=40):
    by_user = defaultdict(list)
    for process in processes:
        for entry in process.entries:
            user, _, number = entry.decode().partition("#")
            by_user[user].append(int(number))
    assert dict(by_user) == {user: list(range(rounds)) for user in users(count)}


def test_one_process_handles_everything_in_order(redis_url, run, client):
    async def play():
        process = Process(client(redis_url))
        async with running(process):
            await fill(process.stream, (0, 25))
            await process.until(lambda one: len(one.handled) == 1000)
            assert_each_once_and_in_order([process], 25)
            assert process.service.owned == frozenset(range(SHARDS))

    run(play())


def test_what_came_before_there_was_a_process_is_handled(redis_url, run, client):
    async def play():
        process = Process(client(redis_url))
        await process.redis.open()
        await fill(process.stream, (0, 10))
        process.start()
        await process.until(lambda one: len(one.handled) == 400)
        assert_each_once_and_in_order([process], 10)
        await process.stop()
        await process.redis.close()

    run(play())


def test_processes_share_evenly_as_they_come_and_go(redis_url, run, client, eventually):
    async def play():
        first, second, third = (Process(client(redis_url), heartbeat=0.05) for _ in range(3))
        async with running(first):
            await eventually(lambda: len(first.service.owned) == 8)
            async with running(second):
                await eventually(lambda: len(first.service.owned) == len(second.service.owned) == 4)
                async with running(third):
                    three = (first, second, third)
                    await eventually(lambda: sorted(len(one.service.owned) for one in three) == [2, 3, 3])
                    owned = [number for one in three for number in one.service.owned]
                    assert sorted(owned) == list(range(SHARDS))
                await eventually(lambda: len(first.service.owned) == len(second.service.owned) == 4)
            await eventually(lambda: len(first.service.owned) == 8)

    run(play())


def test_entries_are_handled_once_and_in_order_while_shards_change_hands(redis_url, run, client, eventually):
    async def play():
        first, second = (Process(client(redis_url), heartbeat=0.05) for _ in range(2))
        async with running(first):
            await fill(first.stream, (0, 10))
            rounds = 10
            async with running(second):
                while len(second.service.owned) < 4 or not second.handled:
                    await fill(first.stream, (rounds, rounds + 1))
                    rounds += 1
            await fill(first.stream, (rounds, rounds + 10))
            rounds += 10
            await eventually(lambda: len(first.handled) + len(second.handled) >= rounds * 40)
            assert sorted(first.entries + second.entries) == sorted(
                f"{user}#{number}".encode() for user in users(40) for number in range(rounds)
            )
            for process in (first, second):
                for number in range(SHARDS):
                    positions = [position for shard, position, _ in process.handled if shard == number]
                    assert positions == sorted(positions)

    run(play())


def test_a_clean_shutdown_hands_over_at_once(redis_url, run, client, eventually):
    """With leases of a minute and heartbeats of half a minute, nothing but the farewell can be the cause."""

    async def play():
        first, second = Process(client(redis_url)), Process(client(redis_url))
        async with running(first):
            await eventually(lambda: len(first.service.owned) == 8)
            async with running(second):
                await first.stop()
                await eventually(lambda: len(second.service.owned) == 8)
                await fill(second.stream, (0, 5))
                await second.until(lambda one: len(one.handled) == 200)
                assert_each_once_and_in_order([second], 5)

    run(play())


def test_a_killed_process_is_succeeded_when_its_leases_run_out(redis_url, run, client, eventually):
    async def play():
        first = Process(client(redis_url), lease=0.5, heartbeat=0.1)
        second = Process(client(redis_url), lease=0.5, heartbeat=0.1)
        async with running(first, second):
            await eventually(lambda: len(first.service.owned) == len(second.service.owned) == 4)
            await fill(second.stream, (0, 10))
            first.gate.clear()  # dies with a batch in its hands
            await fill(second.stream, (10, 20))
            await first.kill()
            await eventually(lambda: len(second.service.owned) == 8)
            await eventually(lambda: len(set(first.entries + second.entries)) == 800)
            for number in range(SHARDS):
                positions = [position for shard, position, _ in second.handled if shard == number]
                assert positions == sorted(set(positions))

    run(play())


def test_a_fenced_owner_stops_and_its_notes_are_refused(redis_url, run, client, eventually):
    async def play():
        old = Process(client(redis_url), lease=0.4, heartbeat=0.1)
        new = Process(client(redis_url), lease=0.4, heartbeat=0.1)
        async with running(old):
            await eventually(lambda: len(old.service.owned) == 8)
            old.gate.clear()
            await fill(old.stream, (0, 2))
            old.freeze()
            async with running(new):
                await eventually(lambda: len(new.service.owned) == 8)
                await new.until(lambda one: len(one.handled) == 80)
                assert_each_once_and_in_order([new], 2)
                done = [await finished(new, number) for number in range(SHARDS)]
                old.gate.set()
                await eventually(lambda: not old.service.owned)
                before = len(old.handled)
                await fill(new.stream, (2, 6))
                await new.until(lambda one: len(one.handled) == 240)
                assert len(old.handled) == before
                assert all([await finished(new, number) >= done[number] for number in range(SHARDS)])
                assert_each_once_and_in_order([new], 6)

    run(play())


async def finished(process, number):
    key = keys.shard_owner(SERVICE, number)
    return int(await process.redis.call(key, "HGET", key, "done"))


def test_a_late_note_of_an_earlier_epoch_changes_nothing(redis_url, run, client, eventually):
    async def play():
        process = Process(client(redis_url))
        async with running(process):
            await eventually(lambda: len(process.service.owned) == 8)
            await fill(process.stream, (0, 5))
            await process.until(lambda one: len(one.handled) == 200)
            owner, log = keys.shard_owner(SERVICE, 0), keys.shard(SERVICE, 0)
            epoch = process.service._owned[0].epoch
            finish = process.service._tools.finish
            await process.redis.call(owner, "PING")
            done = await finished(process, 0)
            assert await process.redis.run(finish, [owner, log], epoch - 1, done + 100) == 0
            assert await process.redis.run(finish, [owner, log], epoch, done - 1) == 1
            assert await finished(process, 0) == done

    run(play())


def test_what_is_finished_is_off_the_stream(redis_url, run, client, eventually):
    async def play():
        process = Process(client(redis_url))
        async with running(process):
            await fill(process.stream, (0, 5))
            await process.until(lambda one: len(one.handled) == 200)
            for number in range(SHARDS):
                key = keys.shard(SERVICE, number)
                assert await process.redis.call(key, "XLEN", key) == 0
            assert process.service.lag == 0

    run(play())


def test_entries_that_wait_are_counted_and_bounded(redis_url, run, client, eventually):
    async def play():
        process = Process(client(redis_url))
        bounded = ShardStream(process.redis, SERVICE, SHARDS, waiting=20)
        assert told(process.service, "shards_configured") == {SERVICE: SHARDS}
        async with running(process):
            await eventually(lambda: len(process.service.owned) == 8)
            process.gate.clear()
            for number in range(20):
                await bounded.append("romeo@example.net", b"%d" % number)
            await eventually(lambda: process.service.lag == 20)
            with pytest.raises(BusUnavailable):
                await bounded.append("romeo@example.net", b"one more")
            heard = asyncio.get_running_loop().create_future()
            bounded.post("romeo@example.net", b"one more", heard.set_result)
            assert isinstance(await heard, BusUnavailable)
            process.gate.set()
            await process.until(lambda one: len(one.handled) == 20)
            assert process.entries == [b"%d" % number for number in range(20)]

    run(play())


def test_an_entry_that_nobody_can_handle_takes_no_other_with_it(redis_url, run, client, eventually):
    async def play():
        process = Process(client(redis_url))
        process.trouble = [b"3", b"7"]
        async with running(process):
            await eventually(lambda: len(process.service.owned) == 8)
            process.gate.clear()
            for number in range(10):
                await process.stream.append("romeo@example.net", b"%d" % number)
            process.gate.set()
            await process.until(lambda one: b"9" in one.entries)
            assert {b"%d" % number for number in range(10)} - set(process.entries) == {b"3", b"7"}
            assert process.bugs

    run(play())


def test_what_one_shard_makes_for_another_comes_once(redis_url, run, client):
    async def play():
        process = Process(client(redis_url))
        async with running(process):
            for marks in ((8, 16), (8, 16, 24), (24,)):
                await process.stream.forward(3, [("romeo@example.net", b"%d" % mark, mark) for mark in marks])
            await process.stream.forward(4, [("romeo@example.net", b"another's", 8)])
            await process.until(lambda one: len(one.handled) == 4)
            assert process.entries == [b"8", b"16", b"24", b"another's"]

    run(play())


def test_the_service_goes_on_in_a_redis_that_came_back_empty(own_valkey, run, client, eventually):
    async def play():
        process = Process(client(own_valkey.url), lease=5, heartbeat=0.1)
        async with running(process):
            await fill(process.stream, (0, 3))
            await process.until(lambda one: len(one.handled) == 120)
            last = max(position for _, position, _ in process.handled)
            own_valkey.kill()
            await asyncio.to_thread(own_valkey.start)
            await eventually(lambda: process.redis.connected)
            process.handled.clear()
            await fill(process.stream, (0, 5))
            await process.until(lambda one: len(set(one.entries)) == 200)
            assert min(position for _, position, _ in process.handled) > last
            await eventually(lambda: process.service.lag == 0 and len(process.service.owned) == 8)

    run(play())


def test_who_is_cut_off_for_longer_than_its_lease_begins_nothing_more(own_valkey, run, client, eventually):
    async def play():
        process = Process(client(own_valkey.url, timeout=0.2), lease=0.4, heartbeat=0.1)
        async with running(process):
            await eventually(lambda: len(process.service.owned) == 8)
            process.gate.clear()
            for number in range(250):
                await process.stream.append("romeo@example.net", b"%d" % number)
            own_valkey.kill()
            shard = next(one for one in process.service._owned.values() if one.lag)
            await eventually(lambda: asyncio.get_running_loop().time() > shard.until)
            process.gate.set()
            await eventually(lambda: shard.fenced)
            assert len(process.handled) <= 100  # the batch that was at hand

    run(play())


def test_how_late_entries_are_handled_is_counted(redis_url, run, client, eventually):
    async def play():
        process = Process(client(redis_url))
        async with running(process):
            await eventually(lambda: len(process.service.owned) == 8)
            for age in (0, 2_000_000, -9_000_000):  # µs; the last one's clock is ahead
                entry = PresenceEntry("ended", "romeo@example.net/orchard", "s", now() - age, "-", b"")
                await process.stream.append("romeo@example.net", encode_entry(entry))
            await eventually(lambda: told(process.service, "shards_batch_entries")[SERVICE].sum == 3)
            lag = told(process.service, "shards_lag_seconds")[SERVICE]
            assert sum(lag.counts) == 3 and 2 <= lag.sum / lag.scale < 4  # noqa: PT018

    run(play())
