"""Many changes of rosters in one transaction, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import figures
from roost.core.ports import RosterChange, RosterItem, StoreUnavailable
from roost.protocol.scram import derive_all
from roost.store.accounts import Accounts
from roost.store.pool import Pool
from roost.store.rosters import Rosters

PEOPLE = [f"{name}@example.net" for name in ("juliet", "romeo", "nurse", "benvolio")]
JULIET, ROMEO, NURSE, BENVOLIO = PEOPLE
KEYS = derive_all(b"secret", 4096)


def played(database_url, run, play):
    async def with_pool():
        pool = Pool(database_url, size=4, timeout=5)
        await pool.open()
        for name in PEOPLE:
            await Accounts(pool).create(name, KEYS)
        try:
            await play(Rosters(pool), pool)
        finally:
            await pool.close()

    run(with_pool())


def to(item):
    return lambda _old: item


async def together(rosters, *asked):
    """Ask for all at once; each one's change, or its exception."""
    return await asyncio.gather(*(rosters.change(*one) for one in asked), return_exceptions=True)


def transactions(pool):
    return sum(figures.told(pool, "store_statement_seconds")["roster-change"].counts)


def test_everyone_gets_its_own_change_and_all_share_few_transactions(database_url, run):
    async def play(rosters, pool):
        made = [
            (one, other, to(RosterItem(other, groups=("a", "b"), request=b"\0")))
            for one in PEOPLE
            for other in PEOPLE
            if one != other
        ]
        changes = await together(rosters, *made)
        assert [change.version for change in changes] == [1, 2, 3] * 4
        assert transactions(pool) <= 2
        for one, items in zip(PEOPLE, await rosters.load(PEOPLE), strict=True):
            assert items == [
                RosterItem(other, groups=("a", "b"), request=b"\0")
                for other in sorted(PEOPLE)
                if other != one
            ]

    played(database_url, run, play)


def test_one_item_changed_again_and_again_is_seen_by_each_as_the_last_one_left_it(database_url, run):
    async def play(rosters, _pool):
        item = RosterItem(ROMEO)
        changes = await together(
            rosters,
            (JULIET, ROMEO, to(item)),
            (JULIET, ROMEO, to(None)),
            (JULIET, NURSE, to(RosterItem(NURSE))),
            (JULIET, ROMEO, lambda old: replace(old or item, name="again")),
            (JULIET, ROMEO, to(None)),
        )
        again = replace(item, name="again")
        assert changes == [
            RosterChange(None, item, 1),
            RosterChange(item, None, 2),
            RosterChange(None, RosterItem(NURSE), 3),
            RosterChange(None, again, 4),
            RosterChange(again, None, 5),
        ]
        assert await rosters.changes(JULIET, 0) == [(3, RosterItem(NURSE)), (5, ROMEO)]

    played(database_url, run, play)


def test_one_that_is_refused_or_impossible_harms_no_other(database_url, run):
    def refuse(_old):
        raise ValueError("no")

    async def play(rosters, _pool):
        changes = await together(
            rosters,
            (JULIET, ROMEO, to(RosterItem(ROMEO))),
            (ROMEO, JULIET, refuse),
            ("tybalt@example.net", JULIET, to(RosterItem(JULIET))),
            (NURSE, JULIET, to(RosterItem(JULIET, name="\0"))),  # PostgreSQL takes no such text
            (BENVOLIO, ROMEO, to(RosterItem(ROMEO))),
        )
        kinds = [type(change).__name__ for change in changes]
        assert kinds[:3] == ["RosterChange", "ValueError", "KeyError"]
        assert not isinstance(changes[3], RosterChange)
        assert changes[4].version == 1
        assert [len(items) for items in await rosters.load(PEOPLE)] == [1, 0, 0, 1]
        assert await rosters.version(NURSE) == 0

    played(database_url, run, play)


def test_items_are_read_together_each_for_whoever_asked(database_url, run):
    async def play(rosters, pool):
        await together(
            rosters, (JULIET, ROMEO, to(RosterItem(ROMEO))), (ROMEO, JULIET, to(RosterItem(JULIET)))
        )
        pairs = [(JULIET, ROMEO), (ROMEO, NURSE), (ROMEO, JULIET), (JULIET, ROMEO)]
        items = await asyncio.gather(*(rosters.item(*pair) for pair in pairs))
        assert [item and item.contact for item in items] == [ROMEO, None, JULIET, ROMEO]
        assert sum(figures.told(pool, "store_statement_seconds")["roster-item"].counts) == 1

    played(database_url, run, play)


def test_what_was_written_before_the_database_went_away_is_told_so(database_url, run, monkeypatch):
    async def play(rosters, pool):
        left = iter((True, False))
        transaction = pool.transaction

        def fails_then(name):
            if next(left):
                return transaction(name)
            raise StoreUnavailable("the test says so")

        monkeypatch.setattr(pool, "transaction", fails_then)
        item = RosterItem(ROMEO)
        first, second = await together(
            rosters, (JULIET, ROMEO, to(item)), (JULIET, ROMEO, to(replace(item, name="R")))
        )
        assert first == RosterChange(None, item, 1)
        assert isinstance(second, StoreUnavailable)

    played(database_url, run, play)
