"""Rosters and their versions, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from roost.core.ports import RosterItem
from roost.protocol.scram import derive_all
from roost.store.accounts import Accounts
from roost.store.pool import Pool
from roost.store.rosters import Rosters

JULIET, ROMEO, NURSE = "juliet@example.net", "romeo@example.net", "nurse@example.net"


def played(database_url, run, play):
    async def with_pool():
        pool = Pool(database_url, size=4, timeout=5)
        await pool.open()
        await Accounts(pool).create(JULIET, derive_all(b"secret", 4096))
        try:
            await play(Rosters(pool))
        finally:
            await pool.close()

    run(with_pool())


def test_a_change_is_kept_with_everything_in_it(database_url, run):
    item = RosterItem(
        ROMEO, "Romeo", ("Friends", "Lovers"), "to", ask=True, approved=True, request=b"<presence/>"
    )

    async def play(rosters):
        change = await rosters.change(JULIET, ROMEO, lambda _old: item)
        assert (change.before, change.after, change.version) == (None, item, 1)
        assert await rosters.item(JULIET, ROMEO) == item
        assert await rosters.load([ROMEO, JULIET]) == [[], [item]]

    played(database_url, run, play)


def test_versions_tell_what_changed(database_url, run):
    async def play(rosters):
        await rosters.change(JULIET, ROMEO, lambda _old: RosterItem(ROMEO))
        await rosters.change(JULIET, NURSE, lambda _old: RosterItem(NURSE))
        await rosters.change(JULIET, ROMEO, lambda old: replace(old, name="R"))
        await rosters.change(JULIET, NURSE, lambda _old: None)
        assert await rosters.version(JULIET) == 4
        assert await rosters.changes(JULIET, 2) == [(3, RosterItem(ROMEO, "R")), (4, NURSE)]
        assert await rosters.changes(JULIET, 4) == []
        assert await rosters.changes(JULIET, 9) is None
        await rosters.change(JULIET, NURSE, lambda _old: RosterItem(NURSE))
        assert await rosters.changes(JULIET, 4) == [(5, RosterItem(NURSE))]

    played(database_url, run, play)


def statements_of(pool):
    """The names of the statements that the pool makes from now on."""
    made = []
    fetch = pool.fetch

    async def counted(statement, *arguments):
        made.append(statement.name)
        return await fetch(statement, *arguments)

    pool.fetch = counted
    return made


def test_many_who_read_at_once_share_a_statement(database_url, run):
    async def play(rosters):
        await rosters.change(JULIET, ROMEO, lambda _old: RosterItem(ROMEO))
        made = statements_of(rosters._pool)
        loads = await asyncio.gather(*(rosters.load([JULIET, NURSE]) for _ in range(20)))
        assert loads == [[[RosterItem(ROMEO)], []]] * 20
        versions = await asyncio.gather(*map(rosters.version, [JULIET, NURSE] * 20))
        assert versions == [1, 0] * 20
        assert made == ["roster-load", "roster-version"]

    played(database_url, run, play)


def test_a_change_is_seen_by_those_who_read_after_it(database_url, run):
    async def play(rosters):
        async def changed_and_read(contact):
            await rosters.change(JULIET, contact, lambda _old: RosterItem(contact))
            [items] = await rosters.load([JULIET])
            assert contact in {item.contact for item in items}

        await asyncio.gather(*(changed_and_read(f"{n}@example.net") for n in range(30)))

    played(database_url, run, play)


def test_who_has_the_newest_version_costs_one_statement(database_url, run):
    async def play(rosters):
        await rosters.change(JULIET, ROMEO, lambda _old: RosterItem(ROMEO))
        made = statements_of(rosters._pool)
        assert await rosters.changes(JULIET, 1) == []
        assert made == ["roster-version"]

    played(database_url, run, play)


def test_what_the_user_does_not_see_makes_no_version(database_url, run):
    async def play(rosters):
        hidden = RosterItem(ROMEO, pending_in=True, listed=False, request=b"<presence/>")
        change = await rosters.change(JULIET, ROMEO, lambda _old: hidden)
        assert change.version == 0
        assert await rosters.item(JULIET, ROMEO) == hidden
        unchanged = await rosters.change(JULIET, ROMEO, lambda old: old)
        assert unchanged.before == unchanged.after == hidden

    played(database_url, run, play)


def test_changes_at_once_follow_each_other(database_url, run):
    async def play(rosters):
        def longer(old):
            return RosterItem(ROMEO, (old.name if old else "") + "x")

        await asyncio.gather(*(rosters.change(JULIET, ROMEO, longer) for _ in range(30)))
        assert (await rosters.item(JULIET, ROMEO)).name == "x" * 30
        assert await rosters.version(JULIET) == 30

    played(database_url, run, play)


def test_a_change_that_is_refused_writes_nothing(database_url, run):
    def refuse(_old):
        raise ValueError("no")

    async def play(rosters):
        with pytest.raises(ValueError, match="no"):
            await rosters.change(JULIET, ROMEO, refuse)
        assert await rosters.version(JULIET) == 0
        with pytest.raises(KeyError):
            await rosters.change("tybalt@example.net", ROMEO, lambda _old: RosterItem(ROMEO))

    played(database_url, run, play)
