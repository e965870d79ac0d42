"""Tasks and their owner."""

from __future__ import annotations

import asyncio

from roost.runtime.tasks import OwnedTasks


async def for_ever():
    await asyncio.Event().wait()


async def fail():
    raise KeyError("what")


def test_a_failure_is_heard_of(run):
    async def play():
        heard = asyncio.get_running_loop().create_future()
        tasks = OwnedTasks(lambda where, error: heard.set_result((where, type(error))))
        tasks.spawn(fail())
        assert await heard == ("fail", KeyError)

    run(play())


def test_no_task_outlives_its_owner(run):
    async def play():
        failures = []
        tasks = OwnedTasks(lambda *failure: failures.append(failure))
        task = tasks.spawn(for_ever())
        assert len(tasks) == 1
        await tasks.close()
        assert task.cancelled()
        assert not len(tasks)
        assert failures == []

    run(play())
