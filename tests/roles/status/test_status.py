"""`roost status` against real engines and real processes."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager

import pytest

from free_ports import free_port
from role_settings import settings
from roost.roles import status
from roost.roles.connection_manager import ConnectionManager
from roost.roles.presence import PresenceProcess
from roost.runtime.logging import silence


@pytest.fixture(autouse=True)
def _as_a_command():
    """Only the page is printed; what the processes of these tests log is not."""
    silence()
    yield
    logging.basicConfig(force=True)


@asynccontextmanager
async def running(one, *roles):
    processes = [role(one) for role in roles]
    for process in processes:
        await process.open()
    try:
        yield processes
    finally:
        for process in processes:
            await process._member.leave()
            await process.close()


async def until_well(one, capsys):
    """The page, once everything has found its place."""
    while await status.run(one, as_json=False):
        capsys.readouterr()
    return capsys.readouterr().out


def test_all_is_well_with_both_roles(redis_url, database_url, run, capsys):
    async def play():
        one = settings(redis_url, database_url, presence_shards=4, heartbeat_seconds=0.1, pod_name="a-pod")
        async with running(one, ConnectionManager, PresenceProcess):
            said = await until_well(one, capsys)
            assert said.startswith("Roost at example.net: all is well\n")
            assert "1 running, 0 sessions" in said
            assert "1 running, 4 of 4 shards owned, 0 entries waiting" in said
            assert "schema 3, 0 accounts" in said
            assert said.count("a-pod") == 2
            assert ("3 masters" in said) is ("cluster" in redis_url)
            assert await status.run(one, as_json=True) == 0
            told = json.loads(capsys.readouterr().out)
            assert told["well"] is True
            assert {member["role"] for member in told["members"]} == {"connection-manager", "presence"}
            assert told["store"]["schema"]["number"] == 3
        assert await status.run(one, as_json=False) == 1

    run(play())


@pytest.mark.parametrize("role", [ConnectionManager, PresenceProcess])
def test_a_drain_is_seen_and_is_nothing_wrong(valkey, database_url, run, capsys, role):
    async def play():
        valkey.admin().flushall()
        one = settings(valkey.url, database_url, presence_shards=4, pod_name="a-pod")
        async with running(one, ConnectionManager, PresenceProcess) as processes:
            await until_well(one, capsys)
            [leaving] = (process for process in processes if isinstance(process, role))
            await leaving._ending.not_ready()
            while "is draining" not in await until_well(one, capsys):
                pass
            assert await status.run(one, as_json=True) == 0
            told = json.loads(capsys.readouterr().out)
            assert {each["role"]: each["about"]["draining"] for each in told["members"]} == {
                "connection-manager": role is ConnectionManager,
                "presence": role is PresenceProcess,
            }

    run(play())


def test_a_cluster_that_is_not_there(valkey, database_url, run, capsys):
    valkey.admin().flushall()
    assert run(status.run(settings(valkey.url, database_url), as_json=False)) == 1
    said = capsys.readouterr().out
    assert "something is wrong" in said
    assert "✗ No connection manager is running" in said
    assert "✗ No presence process is running" in said


def test_engines_that_cannot_be_reached(valkey, database_url, run, capsys):
    nowhere = f"redis://127.0.0.1:{free_port()}"
    assert run(status.run(settings(nowhere, database_url), as_json=False)) == 1
    said = capsys.readouterr().out
    assert "✗ Redis at 127.0.0.1" in said
    assert "PostgreSQL 18" in said
    no_store = f"postgresql://x@127.0.0.1:{free_port()}/x"
    assert run(status.run(settings(valkey.url, no_store), as_json=False)) == 1
    assert "✗ PostgreSQL cannot be reached" in capsys.readouterr().out


def test_a_database_without_a_schema(valkey, empty_database_url, run, capsys):
    assert run(status.run(settings(valkey.url, empty_database_url), as_json=False)) == 1
    assert "run `roost migrate`" in capsys.readouterr().out


@pytest.mark.parametrize("role", [ConnectionManager, PresenceProcess])
def test_what_lacks_is_said(valkey, database_url, run, capsys, role):
    async def play():
        valkey.admin().flushall()
        one = settings(valkey.url, database_url)
        async with running(one, role):
            assert await status.run(one, as_json=False) == 1
            said = capsys.readouterr().out
            assert ("No connection manager" in said) is (role is PresenceProcess)
            assert ("No presence" in said) is (role is ConnectionManager)

    run(play())
