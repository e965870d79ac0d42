"""Messages for those who are not there (XEP-0160)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from roost.core.ports import OfflineMessage
from roost.store.batch import Full
from roost.store.pool import Pool
from roost.store.statement import Statement

_TOGETHER = 200  # messages written, or accounts read, in one statement
_WAITING = 10_000

# The rows keep the order of the array. A message counts against the limit with those before it in
# the same statement.
_STORE = Statement(
    "offline-store",
    """
WITH given AS (
    SELECT jid, stanza, place, row_number() OVER (PARTITION BY jid ORDER BY place) AS nth
    FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS one (jid, stanza, place)
), counted AS (
    SELECT jid, (
        SELECT count(*) FROM (SELECT FROM offline_message m WHERE m.jid = a.jid LIMIT $3) AS found
    ) AS present
    FROM account a WHERE jid = ANY($1)
), written AS (
    INSERT INTO offline_message (jid, stanza)
    SELECT jid, stanza FROM given JOIN counted USING (jid) WHERE present + nth <= $3 ORDER BY place
)
SELECT CASE
    WHEN present IS NULL THEN 'unknown' WHEN present + nth <= $3 THEN 'stored' ELSE 'full'
END AS outcome
FROM given LEFT JOIN counted USING (jid) ORDER BY place
""",
)

_FETCH = Statement(
    "offline-fetch",
    """
SELECT message.* FROM unnest($1::text[]) AS given (jid), LATERAL (
    SELECT id, jid, stored, stanza FROM offline_message WHERE jid = given.jid ORDER BY id LIMIT $2
) AS message ORDER BY id
""",
)
_REMOVE = Statement("offline-remove", "DELETE FROM offline_message WHERE jid = $1 AND id = ANY($2)")
_COUNT = Statement("offline-count", "SELECT count(*) FROM offline_message WHERE jid = $1")


class OfflineMessages:
    """See core.ports.OfflineMessages."""

    def __init__(self, pool: Pool, *, limit: int) -> None:
        """`limit` is how many messages one account may have waiting."""
        self._pool = pool
        self._limit = limit
        self._reads = pool.batch(_FETCH, self._read, most=_TOGETHER, waiting=_WAITING)
        self._writes = pool.batch(_STORE, self._write, most=_TOGETHER, waiting=_WAITING)

    async def written(self) -> None:
        """Wait until all that was to be stored is, or has failed."""
        await self._writes.ended()

    def store(self, bare: str, raw: bytes, done: Callable[[str], None]) -> None:
        """See core.ports.OfflineMessages."""
        try:
            future = self._writes.add((bare, raw))
        except Full:
            done("failed")
            return
        future.add_done_callback(lambda future: done(_outcome(future)))

    async def _write(self, messages: Sequence[tuple[str, bytes]]) -> Sequence[str]:
        rows = await self._pool.fetch(
            _STORE, [bare for bare, _raw in messages], [raw for _bare, raw in messages], self._limit
        )
        return [row["outcome"] for row in rows]

    async def fetch(self, bare: str, limit: int) -> list[OfflineMessage]:
        """See core.ports.OfflineMessages. Those who ask while a statement is under way share the next one."""
        return await self._reads.add((bare, limit))

    async def _read(self, asked: Sequence[tuple[str, int]]) -> Sequence[list[OfflineMessage]]:
        names = list({bare for bare, _limit in asked})
        rows = await self._pool.fetch(_FETCH, names, max(limit for _bare, limit in asked))
        found: dict[str, list[OfflineMessage]] = {name: [] for name in names}
        for row in rows:
            found[row["jid"]].append(OfflineMessage(*row))
        return [found[bare][:limit] for bare, limit in asked]

    async def remove(self, bare: str, ids: Sequence[int]) -> None:
        """See core.ports.OfflineMessages."""
        await self._pool.fetch(_REMOVE, bare, list(ids))

    async def count(self, bare: str) -> int:
        """See core.ports.OfflineMessages."""
        return int(await self._pool.value(_COUNT, bare))


def _outcome(future: asyncio.Future[str]) -> str:
    return "failed" if future.cancelled() or future.exception() is not None else future.result()
