"""Connections to PostgreSQL, with a bound on time, and failures in the server's own words."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import asyncpg
from asyncpg import exceptions

from roost.core.ports import StoreUnavailable
from roost.runtime.figures import FAST_SECONDS, Figures, Histogram
from roost.store.batch import Batch
from roost.store.statement import Statement

_AWAY = (
    OSError,
    TimeoutError,
    exceptions.InterfaceError,
    exceptions.PostgresConnectionError,
    exceptions.CannotConnectNowError,
    exceptions.AdminShutdownError,
    exceptions.CrashShutdownError,
    exceptions.TooManyConnectionsError,
    exceptions.DiskFullError,
    exceptions.ReadOnlySQLTransactionError,
)
_CHECK_SECONDS = 5  # without a statement after which one is made, to see whether the database is there
_CHECK = Statement("check", "SELECT 1")
_VERSION = Statement("server-version", "SELECT current_setting('server_version')")

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Pool:
    """A bounded number of connections. Statements are prepared once a connection and kept."""

    def __init__(self, url: str, *, size: int, timeout: float) -> None:
        """`timeout` in seconds bounds one statement, the wait for a connection included."""
        self._url = url
        self._size = size
        self._timeout = timeout
        self._pool: asyncpg.Pool | None = None
        self._batches: dict[str, Batch[Any, Any]] = {}
        self._seconds: dict[str, Histogram] = defaultdict(lambda: Histogram(FAST_SECONDS))
        self._errors = 0
        self._up = False
        self._heard = 0.0  # when the last statement ended

    async def open(self) -> None:
        """Connect; raises StoreUnavailable."""
        try:
            async with asyncio.timeout(self._timeout):
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=self._size,
                    command_timeout=self._timeout,
                    reset=_nothing_to_reset,
                )
                self._up = True
        except _AWAY as error:
            raise StoreUnavailable(f"PostgreSQL cannot be reached: {error}") from error

    async def close(self) -> None:
        """Close all connections."""
        if self._pool is not None:
            try:
                async with asyncio.timeout(self._timeout):
                    await self._pool.close()
            except _AWAY:
                self._pool.terminate()

    def batch(
        self,
        statement: Statement,
        run: Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]],
        *,
        most: int,
        waiting: int,
    ) -> Batch[Item, Outcome]:
        """A batch whose `run` makes `statement`; see Batch."""
        made = self._batches[statement.name] = Batch(run, most=most, waiting=waiting)
        return made

    async def watch(self) -> None:
        """See whether the database is there when nobody else asks it anything, until cancelled.

        What is down, and asked nothing because this process says that it is, would stay down for ever.
        """
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            if time.monotonic() - self._heard >= _CHECK_SECONDS:
                with suppress(StoreUnavailable):
                    await self.value(_CHECK)

    @property
    def trouble(self) -> str | None:
        """What is wrong, for those who ask whether this process is ready."""
        return None if self._up else "PostgreSQL did not answer the last statement"

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "store_up": lambda: int(self._up),
            "store_connections": self._connections,
            "store_statement_seconds": self._seconds,
            "store_batch_rows": lambda: {name: batch.rows for name, batch in self._batches.items()},
            "store_errors": lambda: self._errors,
            "drops": lambda: {"store-busy": sum(batch.refused for batch in self._batches.values())},
        }

    def _connections(self) -> dict[str, float]:
        size, idle = (0, 0) if self._pool is None else (self._pool.get_size(), self._pool.get_idle_size())
        return {"used": size - idle, "idle": idle}

    async def fetch(self, statement: Statement, *arguments: Any) -> Sequence[asyncpg.Record]:
        """All rows; raises StoreUnavailable."""
        async with self._connection(statement.name) as connection:
            rows: Sequence[asyncpg.Record] = await connection.fetch(statement.sql, *arguments)
            return rows

    async def row(self, statement: Statement, *arguments: Any) -> asyncpg.Record | None:
        """The first row or None; raises StoreUnavailable."""
        async with self._connection(statement.name) as connection:
            row: asyncpg.Record | None = await connection.fetchrow(statement.sql, *arguments)
            return row

    async def value(self, statement: Statement, *arguments: Any) -> Any:
        """The first column of the first row, or None; raises StoreUnavailable."""
        row = await self.row(statement, *arguments)
        return None if row is None else row[0]

    async def version(self) -> str:
        """The server's version, such as `18.1`; raises StoreUnavailable."""
        return str(await self.value(_VERSION)).split(maxsplit=1)[0]

    @asynccontextmanager
    async def transaction(self, name: str) -> AsyncIterator[Any]:
        """A connection in a transaction that commits at the end; raises StoreUnavailable.

        `name` is that of a Statement: what the transaction does.
        """
        async with self._connection(name) as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def _connection(self, name: str) -> AsyncIterator[Any]:
        """A connection for what has that name; raises StoreUnavailable."""
        if self._pool is None:
            raise StoreUnavailable("PostgreSQL is not connected")
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout), self._pool.acquire() as connection:
                yield connection
            self._up = True
        except _AWAY as error:
            self._up = False
            self._errors += 1
            raise StoreUnavailable(f"PostgreSQL cannot be reached: {error}") from error
        finally:
            self._heard = time.monotonic()
            self._seconds[name].observe(self._heard - began)


async def _nothing_to_reset(_connection: Any) -> None:
    """Our statements leave no state in a connection, and asyncpg's own reset costs as much as one of them."""
