"""One shard in the hands of its owner: order, how far it has come, and when it must stop."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from roost.cluster import keys
from roost.cluster.log import LogWriter
from roost.cluster.reading import LogReader
from roost.cluster.shard import Shard, Tools
from roost.core.ports import BusUnavailable, StoreUnavailable

SERVICE, NUMBER = "test", 3
LOG, OWNER = keys.shard(SERVICE, NUMBER), keys.shard_owner(SERVICE, NUMBER)
LEASE = 60.0  # seconds


class Owner:
    """A process with its hands on one shard. It remembers the batches it was given, and what it finished."""

    def __init__(self, redis, name="me"):
        self.redis = redis
        self.name = name
        self.claim = redis.script("claim")
        self.writer = LogWriter(redis)
        self.tools = Tools(
            redis,
            LogReader(redis),
            SERVICE,
            redis.script("finish"),
            self.fence,
            lambda *what: self.bugs.append(what),
        )
        self.fences = 0
        self.bugs = []
        self.batches = []
        self.handled = []
        self.most = 1000
        self.troubles = []
        self.bad = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.changed = asyncio.Event()
        self.shard = None

    def fence(self):
        self.fences += 1
        self.changed.set()

    async def take(self, lease=LEASE):
        """Take the shard, as far as this process knows for `lease` seconds."""
        epoch, done = await self.redis.run(self.claim, [OWNER], self.name, int(LEASE * 1000))
        until = asyncio.get_running_loop().time() + lease
        self.shard = Shard(self.tools, NUMBER, epoch, done, until, self)

    async def give_back(self):
        await self.redis.run(self.claim, [OWNER], self.name, 0)

    async def handle(self, entries):
        self.batches.append([entry for _position, entry in entries])
        self.changed.set()
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        entries = entries[: self.most]
        if not self.bad.isdisjoint(entry for _position, entry in entries):
            raise ValueError
        self.handled += entries
        self.changed.set()
        return len(entries)

    async def append(self, numbers):
        await self.writer.append(*((LOG, b"%d" % number) for number in numbers))

    async def until(self, done):
        """Wait until `done` says yes; the test has a deadline."""
        while not done():
            self.changed.clear()
            await self.changed.wait()

    async def noted(self):
        """The last position that Redis knows to be finished; everything sent before this has been done."""
        return int(await self.redis.call(OWNER, "HGET", OWNER, "done") or -1)

    @property
    def numbers(self):
        return [int(entry) for _position, entry in self.handled]


@pytest.fixture
def owning(redis_url, client, opened):
    """A context with an owner that has not taken the shard yet."""
    return lambda: _owning(redis_url, client, opened)


@asynccontextmanager
async def _owning(url, client, opened):
    owner = Owner(client(url))
    async with opened(owner.redis):
        yield owner
        owner.gate.set()
        if owner.shard is not None:
            owner.shard.leave()
            await owner.shard.ended()


def test_entries_are_handled_in_order_and_noted_and_dropped(owning, run, eventually):
    async def play():
        async with owning() as owner:
            await owner.append(range(50))
            await owner.take()
            await owner.append(range(50, 250))
            await owner.until(lambda: len(owner.handled) == 250)
            assert owner.numbers == list(range(250))
            positions = [position for position, _entry in owner.handled]
            assert positions == list(range(positions[0], positions[0] + 250))
            await eventually(lambda: owner.shard.lag == 0)
            assert await owner.noted() == positions[-1]
            assert await owner.redis.call(LOG, "XLEN", LOG) == 0

    run(play())


def test_a_successor_begins_behind_what_was_finished(owning, run):
    async def play():
        async with owning() as owner:
            await owner.take()
            await owner.append(range(5))
            await owner.until(lambda: len(owner.handled) == 5)
            assert await owner.noted() == owner.handled[-1][0]
            owner.shard.leave()
            await owner.shard.ended()
            await owner.append(range(5, 10))
            await owner.give_back()
            owner.name = "successor"
            await owner.take()
            await owner.until(lambda: len(owner.handled) == 10)
            assert owner.numbers == list(range(10))

    run(play())


def test_what_a_handler_did_not_finish_comes_again(owning, run):
    async def play():
        async with owning() as owner:
            owner.most = 1
            await owner.append(range(5))
            await owner.take()
            await owner.until(lambda: len(owner.handled) == 5)
            assert [[int(entry) for entry in batch] for batch in owner.batches] == [
                list(range(first, 5)) for first in range(5)
            ]

    run(play())


@pytest.mark.parametrize("trouble", [BusUnavailable, StoreUnavailable])
def test_while_redis_or_postgresql_is_away_it_is_tried_again(owning, run, trouble, monkeypatch):
    monkeypatch.setattr("roost.cluster.shard._RETRY_SECONDS", 0)

    async def play():
        async with owning() as owner:
            owner.troubles = [trouble("away"), trouble("still away")]
            await owner.append(range(3))
            await owner.take()
            await owner.until(lambda: len(owner.handled) == 3)
            assert owner.batches == [[b"0", b"1", b"2"]] * 3
            assert owner.bugs == []

    run(play())


def test_an_entry_that_cannot_be_handled_is_given_up_alone(owning, run):
    async def play():
        async with owning() as owner:
            owner.bad = {b"1"}
            await owner.append(range(4))
            await owner.take()
            await owner.until(lambda: len(owner.handled) == 3)
            assert owner.numbers == [0, 2, 3]
            assert [len(batch) for batch in owner.batches] == [4, 1, 1, 1, 1]
            assert {where for where, _bug in owner.bugs} == {"test shard 3"}
            assert await owner.noted() == owner.handled[-1][0]

    run(play())


# --- the lease ---


def test_behind_its_lease_nothing_is_begun(owning, run):
    """Whether or not Redis can be asked: this process's own clock decides."""

    async def play():
        async with owning() as owner:
            await owner.append(range(3))
            await owner.take(lease=0)
            await owner.until(lambda: owner.fences)
            await owner.shard.ended()
            assert owner.batches == []
            assert owner.shard.fenced
            assert owner.fences == 1

    run(play())


def test_what_is_at_hand_when_the_lease_ends_is_the_last(owning, run):
    async def play():
        async with owning() as owner:
            owner.gate.clear()
            await owner.append(range(250))
            await owner.take()
            await owner.until(lambda: owner.batches)
            owner.shard.until = asyncio.get_running_loop().time()
            owner.gate.set()
            await owner.until(lambda: owner.fences)
            await owner.shard.ended()
            assert len(owner.handled) == len(owner.batches[0]) < 250
            # Redis is asked whether that counts; as nobody has taken the shard since, it does
            assert await owner.noted() == owner.handled[-1][0]

    run(play())


def test_trouble_does_not_outlast_the_lease(owning, run, monkeypatch):
    monkeypatch.setattr("roost.cluster.shard._RETRY_SECONDS", 0)

    async def play():
        async with owning() as owner:
            owner.troubles = [StoreUnavailable("away")] * 3
            owner.gate.clear()
            await owner.append(range(3))
            await owner.take()
            await owner.until(lambda: owner.batches)
            owner.shard.until = asyncio.get_running_loop().time()
            owner.gate.set()
            await owner.shard.ended()
            assert (len(owner.batches), owner.handled) == (1, [])
            assert await owner.noted() == -1
            assert await owner.redis.call(LOG, "XLEN", LOG) == 3

    run(play())


def test_a_renewed_lease_goes_on(owning, run):
    async def play():
        async with owning() as owner:
            await owner.take(lease=0)
            owner.shard.renewed(owner.shard.until + LEASE)
            await owner.append(range(3))
            await owner.until(lambda: len(owner.handled) == 3)
            assert owner.fences == 0

    run(play())


def test_a_late_owner_is_refused_and_stops(owning, run, redis_url, client, opened):
    async def play():
        async with owning() as owner, opened(client(redis_url)) as (other,):
            owner.gate.clear()
            await owner.take()
            await owner.append(range(150))
            await owner.until(lambda: owner.batches)
            await owner.give_back()
            usurper = Owner(other, "usurper")
            await other.run(usurper.claim, [OWNER], "usurper", 60_000)
            owner.gate.set()
            await owner.until(lambda: owner.fences)
            await owner.shard.ended()
            assert await owner.noted() == -1
            assert await owner.redis.call(LOG, "XLEN", LOG) == 150
            assert len(owner.batches) <= 2  # the second was begun before the refusal had come back

    run(play())


def test_a_log_that_lost_what_was_finished_fences(owning, run):
    """Redis came back without it: who we are is not known there any more either."""

    async def play():
        async with owning() as owner:
            await owner.take()
            await owner.append(range(3))
            await owner.until(lambda: len(owner.handled) == 3)
            await owner.redis.call(LOG, "DEL", LOG)
            owner.shard.follower.check()
            await owner.until(lambda: owner.fences)
            await owner.shard.ended()

    run(play())


# --- how far it has come ---


def test_what_could_not_be_noted_is_noted_with_the_next_renewal(own_valkey, run, client, opened):
    async def play():
        async with _owning(own_valkey.url, client, opened) as owner:
            owner.gate.clear()
            await owner.take()
            await owner.append(range(3))
            await owner.until(lambda: owner.batches)
            own_valkey.admin().config_set("maxmemory", 1)
            owner.gate.set()
            await owner.until(lambda: owner.handled)
            assert await owner.noted() == -1
            own_valkey.admin().config_set("maxmemory", 0)
            owner.shard.renewed(owner.shard.until)
            assert await owner.noted() == owner.handled[-1][0]
            assert owner.fences == 0

    run(play())


def test_the_lag_is_what_is_not_finished(owning, run, eventually):
    async def play():
        async with owning() as owner:
            owner.gate.clear()
            await owner.take()
            await owner.append(range(20))
            await eventually(lambda: owner.shard.lag == 20)
            owner.gate.set()
            await eventually(lambda: owner.shard.lag == 0)

    run(play())


@pytest.mark.parametrize("bound", [("_AHEAD", 10), ("_AHEAD_BYTES", 20)])
def test_only_so_much_is_held_in_memory_and_the_rest_waits_in_redis(
    owning, run, monkeypatch, bound, eventually
):
    monkeypatch.setattr(f"roost.cluster.shard.{bound[0]}", bound[1])
    monkeypatch.setattr("roost.cluster.shard.ENTRIES_TOGETHER", 3)

    async def play():
        async with owning() as owner:
            owner.gate.clear()
            await owner.take()
            await owner.append(range(100))
            await eventually(lambda: owner.shard.follower.paused)
            assert len(owner.shard._entries) <= bound[1]
            owner.gate.set()
            await owner.until(lambda: len(owner.handled) == 100)
            assert owner.numbers == list(range(100))
            assert max(map(len, owner.batches)) <= 3

    run(play())


# --- the end ---


def test_who_leaves_finishes_what_is_at_hand_and_begins_nothing(owning, run):
    async def play():
        async with owning() as owner:
            owner.gate.clear()
            await owner.append(range(150))
            await owner.take()
            await owner.until(lambda: owner.batches)
            owner.shard.leave()
            ended = asyncio.ensure_future(owner.shard.ended())
            await owner.append(range(150, 160))
            assert not ended.done()
            owner.gate.set()
            await ended
            assert len(owner.batches) == 1
            assert owner.numbers == list(range(len(owner.batches[0])))
            assert await owner.noted() == owner.handled[-1][0]
            assert owner.fences == 0

    run(play())


def test_who_has_nothing_at_hand_leaves_at_once(owning, run):
    async def play():
        async with owning() as owner:
            await owner.take()
            owner.shard.leave()
            await owner.shard.ended()
            await owner.append(range(3))
            assert await owner.redis.call(LOG, "XLEN", LOG) == 3
            assert owner.batches == []

    run(play())
