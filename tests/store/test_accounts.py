"""Accounts, on a real PostgreSQL."""

from __future__ import annotations

import asyncio

from roost.core.ports import RosterItem
from roost.protocol.scram import derive_all, verify
from roost.store.accounts import Accounts
from roost.store.pool import Pool
from roost.store.rosters import Rosters

JULIET = "juliet@example.net"


def played(database_url, run, play):
    async def with_pool():
        pool = Pool(database_url, size=2, timeout=5)
        await pool.open()
        try:
            await play(pool, Accounts(pool))
        finally:
            await pool.close()

    run(with_pool())


def test_an_account_lives_and_goes(database_url, run):
    async def play(pool, accounts):
        assert not await accounts.exists(JULIET)
        assert await accounts.keys(JULIET) == []
        assert await accounts.create(JULIET, derive_all(b"secret", 4096))
        assert not await accounts.create(JULIET, derive_all(b"other", 4096))
        assert all(verify(keys, b"secret") for keys in await accounts.keys(JULIET))
        assert await accounts.set_keys(JULIET, derive_all(b"changed", 4096))
        assert {verify(keys, b"changed") for keys in await accounts.keys(JULIET)} == {True}
        assert await accounts.names() == [JULIET]
        assert await accounts.remove(JULIET)
        assert not await accounts.remove(JULIET)
        assert not await accounts.set_keys(JULIET, derive_all(b"x", 4096))
        assert await accounts.keys(JULIET) == []

    played(database_url, run, play)


def test_what_hangs_on_an_account_goes_with_it(database_url, run):
    async def play(pool, accounts):
        rosters = Rosters(pool)
        await accounts.create(JULIET, derive_all(b"secret", 4096))
        await rosters.change(JULIET, "romeo@example.net", lambda _old: RosterItem("romeo@example.net"))
        await accounts.remove(JULIET)
        assert await rosters.load([JULIET]) == [[]]
        assert await rosters.version(JULIET) == 0

    played(database_url, run, play)


def test_many_logins_at_once_share_a_statement(database_url, run):
    async def play(pool, accounts):
        names = [f"user{number}@example.net" for number in range(5)]
        for name in names:
            await accounts.create(name, derive_all(b"secret", 4096))
        statements = []
        fetch = pool.fetch

        async def counted(statement, *arguments):
            statements.append(statement)
            return await fetch(statement, *arguments)

        pool.fetch = counted
        found = await asyncio.gather(*(accounts.keys(name) for name in [*names * 20, "nobody@example.net"]))
        assert [len(keys) for keys in found] == [3] * 100 + [0]
        assert len(statements) == 1

    played(database_url, run, play)


def test_the_cluster_has_one_secret(database_url, run):
    async def play(pool, accounts):
        secrets = await asyncio.gather(*(Accounts(pool).secret() for _ in range(5)))
        assert len(set(secrets)) == 1
        assert len(secrets[0]) == 32

    played(database_url, run, play)
