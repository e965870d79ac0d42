"""Statements of what is traced."""

from __future__ import annotations

from roost.runtime.spans import Tracer
from roost.store.pool import Pool
from roost.store.statement import Statement
from roost.store.traced import pool


def test_off_is_what_it_was():
    assert type(pool(None, "postgresql://127.0.0.1:1/x", size=1, timeout=1)) is Pool


def test_a_statement_of_something_traced_has_a_span(database_url, run, collector):
    async def play():
        tracer = Tracer(collector.url, 1.0, role="x", pod="pod", id="1")
        one = pool(tracer, database_url, size=1, timeout=5)
        await one.open()
        login = tracer.root("login", {})
        with tracer.within(login):
            assert await one.value(Statement("one", "SELECT 1")) == 1
            async with one.transaction("two") as connection:
                await connection.execute("SELECT 2")
        login.end()
        await one.value(Statement("three", "SELECT 3"))  # part of nothing
        await one.close()
        await tracer.close()

    run(play())
    [login] = collector.until(1, "login")
    assert [one.parent for one in collector.until(2, "database")] == [login.id] * 2
