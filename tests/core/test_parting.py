"""A stream that this side ends: what its client may still get, and may still say."""

from __future__ import annotations

import asyncio

import pytest

from roost.core.parting import Parting
from roost.protocol.framing import StreamEnd
from roost.protocol.stanza import Stanza

MESSAGE = Stanza("message", b"<message/>", None, None, None, None, None, None)


class World:
    """The parting's session, queue, connection and binder: they note what is done, in order."""

    def __init__(self, seconds=5.0, *, closed=False):
        self.done = []
        self.said = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.parting = Parting(self, self, self, self)
        self.task = asyncio.get_running_loop().create_task(
            self.parting.run(self.say, "system-shutdown", seconds, closed=closed)
        )

    def say(self):
        self.done.append("say")
        self.said.set()

    async def retire(self, _session):
        await self.gate.wait()
        self.done.append("retire")

    async def announce(self, _session, reason):
        self.done.append(("announce", reason))

    def settle(self):
        self.done.append("settle")

    def trim(self):
        self.done.append("trim")
        self.under_way -= 1
        return self.under_way < 0

    def close(self):
        self.done.append("close")

    def late(self, stanza):
        self.done.append(stanza.raw)


END = ["close", ("announce", "system-shutdown")]


def test_the_clients_closing_tag_says_that_it_has_everything(run):
    async def play():
        world = World()
        await world.said.wait()
        world.parting.heard(MESSAGE)
        world.parting.heard(StreamEnd())
        await world.task
        assert world.done == ["retire", "say", b"<message/>", "settle", *END]

    run(play())


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_a_client_that_does_not_answer_has_what_its_machine_has(run, seconds):
    async def play():
        world = World(seconds)
        await world.task
        assert world.done == ["retire", "say", "trim", *END]

    run(play())


def test_a_connection_that_breaks_is_asked_what_had_left(run):
    async def play():
        world = World()
        await world.said.wait()
        world.parting.lost()
        assert world.done[-1] == "trim"  # now: soon nobody knows any more
        await world.task
        assert world.done[-2:] == END

    run(play())


def test_a_client_that_closes_at_the_same_time_has_not_heard_the_rest(run):
    async def play():
        world = World()
        world.gate.clear()
        await asyncio.sleep(0)
        world.parting.heard(StreamEnd())
        world.gate.set()
        await world.task
        assert world.done == ["trim", "retire", "say", "trim", *END]

    run(play())


def test_who_hurries_waits_for_a_moment_only(run, monkeypatch):
    monkeypatch.setattr("roost.core.parting._HURRY_SECONDS", 0.01)

    async def play():
        world = World(600)
        await world.said.wait()
        world.parting.hurry()
        await asyncio.wait_for(world.task, 5)
        assert world.done[-2:] == END

    run(play())


def test_a_client_that_closed_first_has_what_its_machine_gets_in_time(run):
    async def play():
        world = World(600, closed=True)
        world.under_way = 3
        await asyncio.wait_for(world.task, 5)
        assert world.done == ["retire", "say", *["trim"] * 4, "trim", *END]

    run(play())


def test_a_client_that_closed_first_and_is_gone_gets_no_more_time(run):
    async def play():
        world = World(600, closed=True)
        world.under_way = 1_000_000
        await world.said.wait()
        world.parting.lost()
        await asyncio.wait_for(world.task, 5)
        assert world.done[-2:] == END

    run(play())


def test_a_machine_that_stays_silent_is_waited_for_so_long(run):
    async def play():
        world = World(0.05, closed=True)
        world.under_way = 1_000_000
        await asyncio.wait_for(world.task, 5)
        assert world.done[-2:] == END

    run(play())
