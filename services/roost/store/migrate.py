"""The schema: numbered files, applied once and in order, one release ahead of what still runs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import asyncpg
from asyncpg import exceptions

from roost.core.ports import StoreUnavailable
from roost.store.pool import Pool
from roost.store.statement import Statement

_LOCK = 7_665_832  # any number, the same for everyone who migrates
_COMPATIBLE = 1
"""The lowest number of a schema whose release can live with ours, and so run beside this one. It is
written into the database with each migration, and raised by one that removes what older releases need."""

_HAS_SCHEMA = Statement("schema-present", "SELECT to_regclass('schema_version') IS NOT NULL")
_SCHEMA = Statement("schema-version", "SELECT number, compatible FROM schema_version")


@dataclass(frozen=True, slots=True)
class Schema:
    """The database's schema, as a release sees it."""

    number: int
    """0 for a database without one."""
    compatible: int
    """The oldest schema number whose releases can still use it."""
    wanted: int
    """The number that this release brings."""

    @property
    def trouble(self) -> str | None:
        """Why this release cannot use it and what to do, or None."""
        if self.number < self.wanted:
            return "The database is older than this release: run `roost migrate`, then start again."
        if self.compatible > self.wanted:
            return "The database is newer than this release: start a newer release of Roost."
        return None


class WrongSchema(Exception):  # noqa: N818 - a state that a person mends
    """The database is older or newer than this release can use; the text says what to do."""


def _migrations() -> list[tuple[int, str, str]]:
    """(number, name, SQL) of each migration, in order."""
    found = [
        file for file in files("roost.store").joinpath("migrations").iterdir() if file.name.endswith(".sql")
    ]
    return sorted((int(file.name[:4]), file.name, file.read_text("utf-8")) for file in found)


async def migrate(url: str) -> list[str]:
    """Bring the database at `url` up to this release; the names of the migrations applied.

    Safe to run twice and from several places at once. Raises StoreUnavailable, WrongSchema.
    """
    try:
        connection = await asyncpg.connect(url)
    except (OSError, exceptions.PostgresError) as error:
        raise StoreUnavailable(f"PostgreSQL cannot be reached: {error}") from error
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        return await _apply(connection)
    except asyncpg.PostgresError as error:
        raise StoreUnavailable(f"PostgreSQL could not be brought up: {error}") from error
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_version ("
        " single boolean PRIMARY KEY DEFAULT true CHECK (single),"
        " number integer NOT NULL, compatible integer NOT NULL)"
    )
    present = await connection.fetchval("SELECT number FROM schema_version") or 0
    applied = []
    for number, name, sql in _migrations():
        if number > present:
            async with connection.transaction():
                await connection.execute(sql)
                await connection.execute(
                    "INSERT INTO schema_version (number, compatible) VALUES ($1, $2)"
                    " ON CONFLICT (single) DO UPDATE SET number = $1, compatible = $2",
                    number,
                    _COMPATIBLE,
                )
            applied.append(name)
    return applied


async def check(pool: Pool) -> None:
    """Raise WrongSchema unless this release can use the database; StoreUnavailable."""
    trouble = (await schema(pool)).trouble
    if trouble is not None:
        raise WrongSchema(trouble)


async def schema(pool: Pool) -> Schema:
    """The database's schema; raises StoreUnavailable."""
    exists = await pool.value(_HAS_SCHEMA)
    row = await pool.row(_SCHEMA) if exists else None
    number, compatible = row or (0, 0)
    return Schema(number, compatible, newest())


def newest() -> int:
    """The number of the schema that this release brings."""
    return _migrations()[-1][0]
