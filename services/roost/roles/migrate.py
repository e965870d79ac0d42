"""`roost migrate`: brings the database's schema up to this release's."""

from __future__ import annotations

import sys

from roost.core.ports import StoreUnavailable
from roost.runtime.config import Settings
from roost.runtime.patience import patiently
from roost.store import migrate as schema
from roost.store.migrate import WrongSchema
from roost.store.pool import Pool


async def run(settings: Settings, wait: float = 0) -> int:
    """Migrate and say what was done; the exit code. A database that is away is waited for `wait` seconds."""
    try:
        print(f"The database is {await patiently(lambda: migrate(settings), wait, StoreUnavailable)}.")
    except (StoreUnavailable, WrongSchema) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def migrate(settings: Settings) -> str:
    """Migrate; what became of it, in a few words. Raises StoreUnavailable, WrongSchema."""
    applied = await schema.migrate(settings.database_url)
    await _check(settings)
    return f"up to date, after {', '.join(applied)}" if applied else "up to date"


async def _check(settings: Settings) -> None:
    pool = Pool(settings.database_url, size=1, timeout=settings.store_timeout_seconds)
    await pool.open()
    try:
        await schema.check(pool)
    finally:
        await pool.close()
