"""Changes of rosters: many in one transaction, each as if it were alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from roost.core.ports import RosterChange, RosterItem, StoreUnavailable
from roost.store.pool import Pool
from roost.store.statement import Statement

COLUMNS = "contact, name, groups, subscription, ask, pending_in, approved, listed, request"
_GIVEN = "unnest($1::text[], $2::text[]) AS given (owner, contact)"
ITEMS = Statement(
    "roster-item",
    f"SELECT owner, {COLUMNS} FROM roster_item JOIN {_GIVEN} USING (owner, contact)",  # noqa: S608
)

# in the order of names, so that of two who lock several none waits for the other in a circle
_LOCK = "SELECT owner, version FROM roster WHERE owner = ANY($1) ORDER BY owner FOR UPDATE"
_MAKE = (
    "INSERT INTO roster (owner) SELECT jid FROM account WHERE jid = ANY($1) ORDER BY jid"
    " ON CONFLICT DO NOTHING"
)
_VERSIONS = (
    "UPDATE roster SET version = given.version"
    " FROM unnest($1::text[], $2::bigint[]) AS given (owner, version) WHERE roster.owner = given.owner"
)
_PART = "\x1f"  # stands between groups, since unnest takes no arrays of arrays; XML has no such character
CHANGE = Statement(
    "roster-change",  # the whole transaction
    f"""
INSERT INTO roster_item (owner, version, {COLUMNS})
SELECT owner, version, contact, name, string_to_array(groups, '{_PART}'), subscription, ask, pending_in,
    approved, listed, request
FROM unnest(
    $1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::boolean[],
    $9::boolean[], $10::boolean[], $11::bytea[]
) AS given (owner, version, {COLUMNS})
ON CONFLICT (owner, contact) DO UPDATE SET
    version = excluded.version, name = excluded.name, groups = excluded.groups,
    subscription = excluded.subscription, ask = excluded.ask, pending_in = excluded.pending_in,
    approved = excluded.approved, listed = excluded.listed, request = excluded.request
""",  # noqa: S608 - names of columns
)
_REMOVE = (
    f"DELETE FROM roster_item AS item USING {_GIVEN}"  # noqa: S608 - as above
    " WHERE item.owner = given.owner AND item.contact = given.contact"
)
_REMEMBER = (
    "INSERT INTO roster_removal (owner, contact, version)"
    " SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])"
    " ON CONFLICT (owner, contact) DO UPDATE SET version = excluded.version"
)
_RECALL = (
    f"DELETE FROM roster_removal AS removal USING {_GIVEN}"  # noqa: S608 - as above
    " WHERE removal.owner = given.owner AND removal.contact = given.contact"
)


class Asked(NamedTuple):
    """One change that is asked for."""

    owner: str
    contact: str
    change: Callable[[RosterItem | None], RosterItem | None]


class _Done(NamedTuple):
    owner: str
    contact: str
    change: RosterChange


Outcome = RosterChange | Exception
"""What a change did, or why it did nothing."""


class RosterChanges:
    """Makes changes, in the order in which they were asked for."""

    def __init__(self, pool: Pool) -> None:
        """Uses `pool` for everything."""
        self._pool = pool

    async def make(self, asked: Sequence[Asked]) -> list[Outcome]:
        """Make all of them; each has its own outcome, which for some may be StoreUnavailable."""
        return [outcome for wave in _waves(asked) for outcome in await self._wave(wave)]

    async def _wave(self, asked: Sequence[Asked]) -> list[Outcome]:
        try:
            async with self._pool.transaction(CHANGE.name) as connection:
                return await _made(connection, asked)
        except StoreUnavailable as away:
            return [away] * len(asked)  # what an earlier transaction has written stays
        except Exception as bug:  # of one of them, and the others do not go down with it
            if len(asked) == 1:
                return [bug]
            return [outcome for one in asked for outcome in await self._wave([one])]


def _waves(asked: Sequence[Asked]) -> Iterator[Sequence[Asked]]:
    """Parts in which no item is changed twice."""
    wave: dict[tuple[str, str], Asked] = {}
    for one in asked:
        if (one.owner, one.contact) in wave:
            yield list(wave.values())
            wave = {}
        wave[one.owner, one.contact] = one
    yield list(wave.values())


async def _made(connection: Any, asked: Sequence[Asked]) -> list[Outcome]:
    owners = list({one.owner for one in asked})
    versions = await _locked(connection, owners)
    # only now: what is read is as the last one who had the lock left it
    pairs = [one.owner for one in asked], [one.contact for one in asked]
    rows = await connection.fetch(ITEMS.sql, *pairs)
    items = {(owner, item[0]): item_of(item) for owner, *item in rows}
    before = dict(versions)
    outcomes = [_changed(one, items.get((one.owner, one.contact)), versions) for one in asked]
    grown = {owner: version for owner, version in versions.items() if version != before[owner]}
    await _write(
        connection,
        grown,
        [
            _Done(one.owner, one.contact, outcome)
            for one, outcome in zip(asked, outcomes, strict=True)
            if isinstance(outcome, RosterChange) and outcome.before != outcome.after
        ],
    )
    return outcomes


async def _locked(connection: Any, owners: Sequence[str]) -> dict[str, int]:
    """The rosters' versions, their rows locked, and made where there were none; only of accounts that are."""
    found = dict(await connection.fetch(_LOCK, owners))
    missing = [owner for owner in owners if owner not in found]
    if missing:
        await connection.execute(_MAKE, missing)
        found.update(await connection.fetch(_LOCK, missing))
    return found


def _changed(asked: Asked, before: RosterItem | None, versions: dict[str, int]) -> Outcome:
    if asked.owner not in versions:
        return KeyError(asked.owner)
    try:
        after = asked.change(before)
    except Exception as refusal:  # whoever asked for it hears of it
        return refusal
    if after != before and _shown(before) != _shown(after):
        versions[asked.owner] += 1
    return RosterChange(before, after, versions[asked.owner])


async def _write(connection: Any, versions: dict[str, int], done: Sequence[_Done]) -> None:
    kept = [one for one in done if one.change.after is not None]
    gone = [one for one in done if one.change.after is None]
    hidden = [one for one in done if _shown(one.change.before) and not _shown(one.change.after)]
    revealed = [one for one in done if _shown(one.change.after) and not _shown(one.change.before)]
    if versions:
        await connection.execute(_VERSIONS, list(versions), list(versions.values()))
    if kept:
        await connection.execute(CHANGE.sql, *zip(*map(_row, kept), strict=True))
    if gone:
        await connection.execute(_REMOVE, *_named(gone))
    if hidden:
        await connection.execute(_REMEMBER, *_named(hidden), [one.change.version for one in hidden])
    if revealed:
        await connection.execute(_RECALL, *_named(revealed))


def _named(done: Iterable[_Done]) -> tuple[list[str], list[str]]:
    return [one.owner for one in done], [one.contact for one in done]


def _row(done: _Done) -> tuple[Any, ...]:
    item = done.change.after
    assert item is not None
    return (
        done.owner,
        done.change.version,
        done.contact,
        item.name,
        _PART.join(item.groups),
        item.subscription,
        item.ask,
        item.pending_in,
        item.approved,
        item.listed,
        item.request,
    )


def item_of(columns: Sequence[Any]) -> RosterItem:
    """An item out of COLUMNS."""
    contact, name, groups, *rest = columns
    return RosterItem(contact, name, tuple(groups), *rest)


def _shown(item: RosterItem | None) -> tuple[object, ...] | None:
    """What the user sees of an item; None for nothing (RFC 6121 section 2.1.2)."""
    if item is None or not item.listed:
        return None
    return item.name, item.groups, item.subscription, item.ask, item.approved
