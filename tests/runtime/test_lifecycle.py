import asyncio
import os
import resource
import signal

import pytest

from lines import captured
from roost.runtime import lifecycle


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_asks_and_the_second_hurries(number):
    async def main() -> int:
        stop = lifecycle.stop_on_signals()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.asked.wait(), 5)
        assert not stop.hurried.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.hurried.wait(), 5)
        return 7

    assert lifecycle.run(main()) == 7


def test_a_role_may_open_as_many_files_as_the_system_allows():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert lifecycle.raise_file_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Role:
    """Its steps note that they were taken; some are told to do worse."""

    def __init__(self, **worse):
        self.done = []
        steps = {
            name: worse.get(name) or self.step(name)
            for name in ("not_ready", "stop_listening", "drain", "give_back", "close")
        }
        self.ending = lifecycle.Ending(**steps)

    def step(self, name):
        async def work():
            self.done.append(name)

        return work


ORDER = ["not_ready", "stop_listening", "drain", "give_back", "close"]


async def fail():
    raise KeyError("what")


async def for_ever():
    await asyncio.Event().wait()


@pytest.mark.parametrize("name", ORDER)
def test_the_steps_of_an_end_are_taken_in_order_also_when_one_fails(name, run):
    role = Role(**{name: fail})
    with captured() as lines:
        run(role.ending.run(10, lifecycle.Stop()))
    assert role.done == [each for each in ORDER if each != name]
    assert [line["step"] for line in lines if line["log_level"] == "error"] == [name]


@pytest.mark.parametrize("name", ["stop_listening", "give_back"])
def test_a_step_has_no_more_than_its_share(name, run, monkeypatch):
    monkeypatch.setattr(lifecycle, "_LEAST_SECONDS", 0.02)
    role = Role(**{name: for_ever})
    with captured() as lines:
        run(asyncio.wait_for(role.ending.run(0.1, lifecycle.Stop()), 5))
    assert role.done == [each for each in ORDER if each != name]
    assert [line["step"] for line in lines if "took too long" in line["event"]] == [name]


def test_a_hurry_cuts_a_step_short(run, monkeypatch):
    monkeypatch.setattr(lifecycle, "_HURRIED_SECONDS", 0.02)
    role = Role(drain=for_ever)
    stop = lifecycle.Stop()

    async def main():
        running = asyncio.ensure_future(role.ending.run(600, stop))
        stop.ask()
        await asyncio.sleep(0)
        stop.ask()
        await asyncio.wait_for(running, 5)

    run(main())
    assert role.done == ["not_ready", "stop_listening", "give_back", "close"]
