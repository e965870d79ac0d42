"""Streams closed one after another: in which order, at which pace, and when there is no time."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from roost.core.drain import Drain, moments
from roost.protocol.errors import StreamError

SHUTDOWN = StreamError("system-shutdown")


class Stream:
    """One that answers at once, or `slow`ly: only when it is hurried."""

    def __init__(self, world, *, bound=True, slow=False):
        self.world = world
        self.session = object() if bound else None
        self.parting = None
        self.slow = asyncio.Event()
        if not slow:
            self.slow.set()

    async def part(self, error, seconds):
        self.parting = self
        self.world.parted.append((self, error.condition, seconds))
        self.world.begun.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.slow.wait(), seconds)
        self.world.lose(self)

    def hurry(self):
        self.slow.set()


class World:
    def __init__(self, *, per_second=1000, seconds=60, answer_seconds=5):
        self.open = []
        self.parted = []
        self.bugs = []
        self.begun = asyncio.Event()
        self.lost = asyncio.Event()
        self.drain = Drain(
            self,
            lambda *bug: self.bugs.append(bug),
            per_second=per_second,
            seconds=seconds,
            answer_seconds=answer_seconds,
        )

    def add(self, count=1, **traits):
        self.open += [Stream(self, **traits) for _ in range(count)]

    def streams(self):
        return list(self.open)

    async def another_lost(self):
        self.lost.clear()
        await self.lost.wait()

    def lose(self, stream):
        self.open.remove(stream)
        self.lost.set()


@given(st.integers(0, 300), st.floats(1, 1000), st.floats(0, 60))
def test_each_stream_has_its_slot_and_all_are_in_time(count, per_second, within):
    found = moments(count, per_second, within)
    span = min(count / per_second, within)
    assert len(found) == count
    assert found == sorted(found)
    for place, moment in enumerate(found):
        slot = span / count
        assert place * slot <= moment * (1 + 1e-9)
        assert moment <= (place + 1) * slot * (1 + 1e-9)


def test_moments_are_not_the_same_each_time():
    assert moments(10, 1, 60) != moments(10, 1, 60)


def test_all_are_closed_and_who_has_no_session_first(run):
    async def play():
        world = World()
        world.add(20)
        world.add(20, bound=False)
        await world.drain.run(SHUTDOWN)
        assert world.open == []
        assert [stream.session is None for stream, *_ in world.parted] == [True] * 20 + [False] * 20
        assert {(condition, seconds) for _, condition, seconds in world.parted} == {("system-shutdown", 5)}
        assert world.bugs == []

    run(play())


def test_the_pace_is_kept(run):
    async def play():
        world = World(per_second=100)
        world.add(30)
        begun = asyncio.get_running_loop().time()
        await world.drain.run(SHUTDOWN)
        assert 0.25 < asyncio.get_running_loop().time() - begun < 5

    run(play())


def test_too_many_for_the_pace_are_closed_quicker(run):
    async def play():
        world = World(per_second=1, seconds=1)
        world.add(100)
        await asyncio.wait_for(world.drain.run(SHUTDOWN), 10)
        assert len(world.parted) == 100

    run(play())


def test_a_stream_that_was_opened_meanwhile_is_closed_too(run):
    async def play():
        world = World()
        world.add(slow=True)
        running = asyncio.ensure_future(world.drain.run(SHUTDOWN))
        await world.begun.wait()
        world.add()
        world.parted[0][0].slow.set()
        await running
        assert len(world.parted) == 2

    run(play())


def test_the_rest_goes_at_once_when_it_hurries(run):
    async def play():
        world = World(per_second=1, seconds=600)
        world.add(2, bound=False, slow=True)
        world.add(50)
        running = asyncio.ensure_future(world.drain.run(SHUTDOWN))
        await world.begun.wait()
        world.drain.hurry()
        await asyncio.wait_for(running, 5)
        assert len(world.parted) == 52
        assert world.parted[-1][2] < 1  # seconds for the answer

    run(play())


def test_it_hurries_by_itself_before_its_time_is_over(run):
    async def play():
        world = World(seconds=0.3)
        world.add(slow=True)
        await asyncio.wait_for(world.drain.run(SHUTDOWN), 5)
        assert world.open == []

    run(play())


def test_nothing_to_close(run):
    async def play():
        await World().drain.run(SHUTDOWN)

    run(play())
