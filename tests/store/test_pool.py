"""Connections to PostgreSQL: bounded in number and time."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from figures import told
from roost.core.ports import StoreUnavailable
from roost.store.pool import Pool
from roost.store.statement import Statement

ONE = Statement("one", "SELECT 1")


def test_a_statement_that_takes_too_long(database_url, run):
    async def play():
        pool = Pool(database_url, size=1, timeout=0.3)
        await pool.open()
        with pytest.raises(StoreUnavailable):
            await pool.fetch(Statement("sleep", "SELECT pg_sleep(5)"))
        assert await pool.value(ONE) == 1
        await pool.close()

    run(play())


def test_a_wait_for_a_connection_that_takes_too_long(database_url, run):
    async def play():
        pool = Pool(database_url, size=1, timeout=0.5)
        await pool.open()
        held = await pool._pool.acquire()
        with pytest.raises(StoreUnavailable):
            await pool.value(ONE)
        await pool._pool.release(held)
        assert await pool.value(ONE) == 1
        await pool.close()

    run(play())


def test_a_transaction_is_all_or_nothing(database_url, run):
    async def insert_and_fail(pool):
        async with pool.transaction("insert") as connection:
            await connection.execute("INSERT INTO account (jid) VALUES ('a@b')")
            raise ValueError("no")

    async def play():
        pool = Pool(database_url, size=2, timeout=5)
        await pool.open()
        with pytest.raises(ValueError, match="no"):
            await insert_and_fail(pool)
        assert await pool.value(Statement("count", "SELECT count(*) FROM account")) == 0
        assert await pool.row(Statement("any", "SELECT 1 FROM account")) is None
        await pool.close()

    run(play())


def test_a_restart_is_lived_through(own_postgresql, run):
    async def play():
        pool = Pool(own_postgresql.url(), size=2, timeout=2)
        await pool.open()
        await asyncio.to_thread(own_postgresql.halt)
        with pytest.raises(StoreUnavailable):
            await pool.value(ONE)
        await asyncio.to_thread(own_postgresql.start)
        assert await pool.value(ONE) == 1
        await pool.close()

    run(play())


def test_nobody_there(run):
    with pytest.raises(StoreUnavailable):
        run(Pool("postgresql://nobody@127.0.0.1:1/none", size=1, timeout=2).open())
    with pytest.raises(StoreUnavailable):
        run(Pool("postgresql://nobody@127.0.0.1:1/none", size=1, timeout=2).value(ONE))


def test_statements_are_timed_by_name(database_url, run):
    async def play():
        pool = Pool(database_url, size=2, timeout=5)
        assert told(pool, "store_connections") == {"used": 0, "idle": 0}
        await pool.open()
        await pool.value(ONE)
        await pool.fetch(Statement("nap", "SELECT pg_sleep(0.02)"))
        async with pool.transaction("look"):
            assert told(pool, "store_connections")["used"] == 1
        seconds = told(pool, "store_statement_seconds")
        assert {name: sum(one.counts) for name, one in seconds.items()} == {"one": 1, "nap": 1, "look": 1}
        assert 0.02 <= seconds["nap"].sum < 5
        assert told(pool, "store_connections") == {"used": 0, "idle": 1}
        assert (told(pool, "store_up"), told(pool, "store_errors")) == (1, 0)
        await pool.close()

    run(play())


def test_a_mistake_in_a_statement_does_not_mean_that_the_database_is_away(database_url, run):
    async def play():
        pool = Pool(database_url, size=1, timeout=5)
        await pool.open()
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await pool.value(Statement("wrong", "SELEKT"))
        assert (told(pool, "store_up"), told(pool, "store_errors")) == (1, 0)
        await pool.close()

    run(play())


async def until(done):
    """Look until it is so; the test has a deadline."""
    while True:
        if done():
            return
        await asyncio.sleep(0.01)


def test_its_return_is_noticed_when_nobody_asks_for_anything(own_postgresql, run, monkeypatch):
    """A process that says it is not ready is not asked for anything."""
    monkeypatch.setattr("roost.store.pool._CHECK_SECONDS", 0.05)

    async def play():
        pool = Pool(own_postgresql.url(), size=1, timeout=2)
        await pool.open()
        assert pool.trouble is None
        watch = asyncio.ensure_future(pool.watch())
        await asyncio.to_thread(own_postgresql.halt)
        await until(lambda: pool.trouble is not None)
        assert told(pool, "store_errors") > 0
        await asyncio.to_thread(own_postgresql.start)
        await until(lambda: pool.trouble is None)
        watch.cancel()
        await pool.close()

    run(play())
