"""Accounts and the keys of their passwords."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence

from roost.protocol.scram import ScramKeys
from roost.store.pool import Pool
from roost.store.statement import Statement

_TOGETHER = 200  # logins whose keys are read in one statement
_WAITING = 20_000
_READ_KEYS = Statement(
    "account-keys",
    "SELECT jid, mechanism, salt, iterations, stored_key, server_key FROM scram_keys WHERE jid = ANY($1)",
)
_EXISTS = Statement("account-exists", "SELECT jid FROM account WHERE jid = ANY($1)")
_REMOVE = Statement("account-remove", "DELETE FROM account WHERE jid = $1 RETURNING true")
_COUNT = Statement("account-count", "SELECT count(*) FROM account")
_NAMES = Statement("account-names", "SELECT jid FROM account ORDER BY jid")
_MAKE_SECRET = Statement(
    "secret-make", "INSERT INTO cluster_secret (secret) VALUES ($1) ON CONFLICT DO NOTHING"
)
_SECRET = Statement("secret", "SELECT secret FROM cluster_secret")
_INSERT_KEYS = (
    "INSERT INTO scram_keys (jid, mechanism, salt, iterations, stored_key, server_key)"
    " SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::integer[], $5::bytea[], $6::bytea[])"
)


class Accounts:
    """See core.ports.Accounts."""

    def __init__(self, pool: Pool) -> None:
        """Uses `pool` for everything."""
        self.pool = pool
        self._reads = pool.batch(_READ_KEYS, self._read, most=_TOGETHER, waiting=_WAITING)
        self._looks = pool.batch(_EXISTS, self._look, most=_TOGETHER, waiting=_WAITING)
        self._secret: bytes | None = None

    async def keys(self, bare: str) -> Sequence[ScramKeys]:
        """See core.ports.Accounts. Those who ask while a statement is under way share the next one."""
        return await self._reads.add(bare)

    async def _read(self, bares: Sequence[str]) -> Sequence[Sequence[ScramKeys]]:
        rows = await self.pool.fetch(_READ_KEYS, list(bares))
        found: dict[str, list[ScramKeys]] = defaultdict(list)
        for jid, *keys in rows:
            found[jid].append(ScramKeys(*keys))
        return [found.get(bare, []) for bare in bares]

    async def exists(self, bare: str) -> bool:
        """See core.ports.Accounts. Those who ask while a statement is under way share the next one."""
        return await self._looks.add(bare)

    async def _look(self, bares: Sequence[str]) -> Sequence[bool]:
        found = {row["jid"] for row in await self.pool.fetch(_EXISTS, list(bares))}
        return [bare in found for bare in bares]

    async def create(self, bare: str, keys: Sequence[ScramKeys]) -> bool:
        """See core.ports.Accounts."""
        async with self.pool.transaction("account-create") as connection:
            made = await connection.fetchval(
                "INSERT INTO account (jid) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", bare
            )
            if made:
                await connection.execute(_INSERT_KEYS, bare, *_columns(keys))
            return bool(made)

    async def set_keys(self, bare: str, keys: Sequence[ScramKeys]) -> bool:
        """See core.ports.Accounts."""
        async with self.pool.transaction("account-keys-set") as connection:
            if not await connection.fetchval("SELECT true FROM account WHERE jid = $1 FOR UPDATE", bare):
                return False
            await connection.execute("DELETE FROM scram_keys WHERE jid = $1", bare)
            await connection.execute(_INSERT_KEYS, bare, *_columns(keys))
            return True

    async def remove(self, bare: str) -> bool:
        """See core.ports.Accounts."""
        return bool(await self.pool.value(_REMOVE, bare))

    async def secret(self) -> bytes:
        """See core.ports.Accounts."""
        if self._secret is None:
            await self.pool.fetch(_MAKE_SECRET, secrets.token_bytes(32))
            self._secret = await self.pool.value(_SECRET)
        return self._secret

    async def names(self) -> list[str]:
        """All accounts' JIDs in order, for operators."""
        return [row["jid"] for row in await self.pool.fetch(_NAMES)]

    async def count(self) -> int:
        """How many accounts there are."""
        return int(await self.pool.value(_COUNT))


def _columns(keys: Sequence[ScramKeys]) -> tuple[list[object], ...]:
    return (
        [one.mechanism for one in keys],
        [one.salt for one in keys],
        [one.iterations for one in keys],
        [one.stored_key for one in keys],
        [one.server_key for one in keys],
    )
