"""The schema: applied once, in order, by whoever comes first."""

from __future__ import annotations

import asyncio

import pytest

from roost.core.ports import StoreUnavailable
from roost.store import migrate as subject
from roost.store.accounts import Accounts
from roost.store.migrate import WrongSchema, check, migrate
from roost.store.offline import OfflineMessages
from roost.store.pool import Pool


async def opened(url):
    pool = Pool(url, size=1, timeout=5)
    await pool.open()
    return pool


def test_once_twice_and_at_once(empty_database_url, run):
    async def play():
        applied = await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
        assert sorted(applied, key=len)[:3] == [[], [], []]
        assert max(applied, key=len)[0] == "0001_accounts.sql"
        assert await migrate(empty_database_url) == []
        pool = await opened(empty_database_url)
        await check(pool)
        await pool.close()

    run(play())


def test_an_older_database_is_refused_with_what_to_do(empty_database_url, run):
    async def play():
        pool = await opened(empty_database_url)
        with pytest.raises(WrongSchema, match="run `roost migrate`"):
            await check(pool)
        await pool.close()

    run(play())


class Release:
    """A release: its schema's number is that of its last migration."""

    def __init__(self, monkeypatch, *further, compatible=1):
        """`further` migrations, as SQL, follow ours."""
        ours = subject._migrations()
        self.number = ours[-1][0] + len(further)
        numbered = enumerate(further, ours[-1][0] + 1)
        self.migrations = ours + [(number, f"{number:04}_further.sql", sql) for number, sql in numbered]
        self.compatible = compatible
        self.monkeypatch = monkeypatch

    def __enter__(self):
        """What runs inside is of this release."""
        self.patch = self.monkeypatch.context()
        patched = self.patch.__enter__()
        patched.setattr(subject, "_migrations", lambda: self.migrations)
        patched.setattr(subject, "_COMPATIBLE", self.compatible)

    def __exit__(self, *failure):
        self.patch.__exit__(*failure)


ADDS = (
    "CREATE TABLE room (jid text PRIMARY KEY);"
    "ALTER TABLE account ADD COLUMN quota integer;"
    "ALTER TABLE offline_message ADD COLUMN expires timestamptz"
)
REMOVES = "ALTER TABLE offline_message DROP COLUMN stored"
ROMEO = "romeo@example.net"


@pytest.fixture
def releases(monkeypatch):
    """Ours, and the two after it: one adds to the schema, the other removes what ours needs."""
    ours = Release(monkeypatch)
    added = Release(monkeypatch, ADDS, compatible=ours.number)
    removed = Release(monkeypatch, ADDS, REMOVES, compatible=added.number)
    return ours, added, removed


def test_we_run_on_while_the_next_release_migrates_and_start_again_behind_it(database_url, releases, run):
    """A rolling upgrade, and the way back: nothing of the schema has to be undone."""
    ours, added, _removed = releases

    async def play():
        pool = await opened(database_url)
        await _use(pool)
        with added:
            assert await migrate(database_url) == [f"{added.number:04}_further.sql"]
            await check(pool)
        await _use(pool)  # statements prepared before it
        with ours:
            assert await migrate(database_url) == []  # as a release's migration is run again on the way back
        again = await opened(database_url)
        await check(again)
        await _use(again)
        with added:
            await check(again)  # what we did to it is nothing to the next release
        for each in (pool, again):
            await each.close()

    run(play())


async def _use(pool):
    """All that a release does with the tables that the next one changes."""
    accounts, messages = Accounts(pool), OfflineMessages(pool, limit=10)
    await accounts.remove(ROMEO)
    assert await accounts.create(ROMEO, [])
    stored = asyncio.get_running_loop().create_future()
    messages.store(ROMEO, b"<message/>", stored.set_result)
    assert await stored == "stored"
    [message] = await messages.fetch(ROMEO, 10)
    await messages.remove(ROMEO, [message.id])


def test_a_schema_that_is_too_new_or_too_old_is_refused_with_what_to_do(database_url, releases, run):
    ours, added, removed = releases

    async def play():
        pool = await opened(database_url)
        for release in (added, removed):
            with release, pytest.raises(WrongSchema, match="run `roost migrate`"):
                await check(pool)
        with removed:
            await migrate(database_url)
            await check(pool)
        with added:
            await check(pool)
        with ours:
            with pytest.raises(WrongSchema, match="start a newer release"):
                await check(pool)
            assert await migrate(database_url) == []  # which does not make it older
            with pytest.raises(WrongSchema, match="start a newer release"):
                await check(pool)
        await pool.close()

    run(play())


def test_no_database(run):
    with pytest.raises(StoreUnavailable):
        run(migrate("postgresql://nobody@127.0.0.1:1/none"))
