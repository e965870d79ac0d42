"""Messages for the absent, on a real PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest

from roost.core.ports import StoreUnavailable
from roost.protocol.scram import derive_all
from roost.store.accounts import Accounts
from roost.store.offline import OfflineMessages
from roost.store.pool import Pool

ROMEO, JULIET = "romeo@example.net", "juliet@example.net"


async def opened(url):
    pool = Pool(url, size=2, timeout=5)
    await pool.open()
    return pool


async def outcomes(store, messages):
    heard = [asyncio.get_running_loop().create_future() for _ in messages]
    for (bare, raw), future in zip(messages, heard, strict=True):
        store.store(bare, raw, future.set_result)
    return await asyncio.gather(*heard)


def test_messages_wait_in_the_order_they_came(database_url, run):
    async def play():
        pool = await opened(database_url)
        await Accounts(pool).create(JULIET, derive_all(b"secret", 4096))
        store = OfflineMessages(pool, limit=1000)
        messages = [(JULIET, b"<message id='%d'/>" % number) for number in range(300)]
        assert set(await outcomes(store, messages)) == {"stored"}
        fetched = await store.fetch(JULIET, 1000)
        assert [one.raw for one in fetched] == [raw for _bare, raw in messages]
        await store.remove(JULIET, [one.id for one in fetched[:299]])
        assert await store.count(JULIET) == 1
        await pool.close()

    run(play())


def test_an_account_that_is_full_or_unknown_is_told_from_others(database_url, run):
    async def play():
        pool = await opened(database_url)
        for bare in (ROMEO, JULIET):
            await Accounts(pool).create(bare, derive_all(b"secret", 4096))
        store = OfflineMessages(pool, limit=2)
        given = [(JULIET, b"1"), (ROMEO, b"1"), (JULIET, b"2"), ("tybalt@example.net", b"1"), (JULIET, b"3")]
        assert await outcomes(store, given) == ["stored", "stored", "stored", "unknown", "full"]
        assert await outcomes(store, [(JULIET, b"4"), (ROMEO, b"2")]) == ["full", "stored"]
        await pool.close()

    run(play())


def test_a_database_that_goes_away_fails_every_message_and_comes_back(own_postgresql, run):
    from roost.store.migrate import migrate

    async def play():
        url = own_postgresql.url()
        await migrate(url)
        pool = Pool(url, size=2, timeout=2)
        await pool.open()
        await Accounts(pool).create(JULIET, derive_all(b"secret", 4096))
        store = OfflineMessages(pool, limit=10)
        await asyncio.to_thread(own_postgresql.halt)
        assert await outcomes(store, [(JULIET, b"1")]) == ["failed"]
        with pytest.raises(StoreUnavailable, match="PostgreSQL"):
            await store.count(JULIET)
        await asyncio.to_thread(own_postgresql.start)
        assert await outcomes(store, [(JULIET, b"2")]) == ["stored"]
        await pool.close()

    run(play())
