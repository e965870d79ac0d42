"""The pool where logins are traced: a span for each time that one of them has a connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from roost.store.pool import Pool

if TYPE_CHECKING:
    from roost.runtime.spans import Tracer


def pool(tracer: Tracer | None, url: str, *, size: int, timeout: float) -> Pool:
    """The pool, with spans if there is a tracer."""
    if tracer is None:
        return Pool(url, size=size, timeout=timeout)
    return TracedPool(tracer, url, size=size, timeout=timeout)


class TracedPool(Pool):
    """Makes a span for a statement, the wait for a connection included, that is part of something traced."""

    def __init__(self, tracer: Tracer, url: str, *, size: int, timeout: float) -> None:
        """See Pool."""
        super().__init__(url, size=size, timeout=timeout)
        self._tracer = tracer

    @asynccontextmanager
    async def _connection(self, name: str) -> AsyncIterator[Any]:
        """See Pool."""
        with self._tracer.inner("database", {"db.system.name": "postgresql", "db.operation.name": name}):
            async with super()._connection(name) as connection:
                yield connection
