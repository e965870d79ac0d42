"""`roost log-level` and the processes that hear of it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from free_ports import free_port
from role_settings import settings
from roost.roles import log_level
from roost.roles.presence import PresenceProcess
from roost.runtime.logging import configure


async def until_level(level):
    async def reached():
        while logging.getLogger().level != level:  # noqa: ASYNC110 - the standard library tells nobody
            await asyncio.sleep(0.005)

    await asyncio.wait_for(reached(), 10)


@pytest.fixture(autouse=True)
def _logging():
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


def test_running_processes_hear_of_it(redis_url, database_url, run, capsys):
    async def play():
        one = settings(redis_url, database_url, pod_name="p-1", log_level="warning")
        configure(one, "presence")
        process = PresenceProcess(one)
        await process.open()
        try:
            assert await log_level.run(one, "debug", None, 30) == 0
            await until_level(logging.DEBUG)
            assert await log_level.run(one, "error", "p-1", 5) == 0
            await until_level(logging.ERROR)
            assert await log_level.run(one, "configured", None, 30) == 0
            await until_level(logging.WARNING)
            assert await log_level.run(one, "debug", "p-2", 5) == 1
        finally:
            await process._member.leave()
            await process.close()

    run(play())
    said = capsys.readouterr()
    first, second, third = said.out.splitlines()
    assert first.startswith("p-1 logs at debug until ")
    assert "(5 minutes)" in second
    assert third == "p-1 logs at the level of the settings again."
    assert said.err.endswith("No running process is called p-2. Running: p-1.\n")


def test_without_redis_it_says_so(database_url, run, capsys):
    one = settings(f"redis://127.0.0.1:{free_port()}", database_url)
    assert run(log_level.run(one, "debug", None, 30)) == 1
    assert "cannot be reached" in capsys.readouterr().err
