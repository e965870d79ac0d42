"""`roost user`: accounts from the command line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from roost.cluster.bus import Bus
from roost.cluster.client import RedisClient
from roost.cluster.registry import Registry
from roost.cluster.shards import ShardStream
from roost.cluster.topology import topology
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.core.removal import AccountRemoval
from roost.core.session import LocalSessions
from roost.features.roster import Roster
from roost.protocol import scram
from roost.protocol.errors import JidMalformed, SaslFailure
from roost.protocol.jid import Jid
from roost.protocol.scram import ScramKeys
from roost.runtime.config import Settings
from roost.runtime.jid_hashes import JidHashes
from roost.store.accounts import Accounts
from roost.store.migrate import WrongSchema, check
from roost.store.pool import Pool
from roost.store.rosters import Rosters


class Refused(Exception):  # noqa: N818 - an answer, not a bug
    """What was asked cannot be done; the text is a whole sentence."""


async def add(settings: Settings, jid: str, password: str) -> int:
    """Make an account; the exit code."""

    async def work() -> None:
        print(f"{await create(settings, jid, password)} can log in now.")

    return await _do(work)


async def create(settings: Settings, jid: str, password: str) -> str:
    """Make an account; its bare JID. Raises Refused, StoreUnavailable, WrongSchema."""
    who = _account(jid, settings.domain)
    keys = await _keys(password, settings)
    async with _open(settings) as accounts:
        if not await accounts.create(who, keys):
            raise Refused(f"There is an account {who} already.")
    return who


async def passwd(settings: Settings, jid: str, password: str) -> int:
    """Give an account a new password; the exit code."""

    async def work() -> None:
        who = _account(jid, settings.domain)
        keys = await _keys(password, settings)
        async with _open(settings) as accounts:
            if not await accounts.set_keys(who, keys):
                raise Refused(f"There is no account {who}.")
        print(f"{who} has a new password.")

    return await _do(work)


async def remove(settings: Settings, jid: str) -> int:
    """Remove an account and all that hangs on it, its sessions included; the exit code."""

    async def work() -> None:
        print(f"{await delete(settings, jid)} is gone.")

    return await _do(work)


async def delete(settings: Settings, jid: str) -> str:
    """Remove an account, its sessions included; the bare JID it had.

    Raises Refused, BusUnavailable, StoreUnavailable, WrongSchema.
    """
    who = _account(jid, settings.domain)
    async with _open(settings) as accounts:
        if not await accounts.exists(who):
            raise Refused(f"There is no account {who}.")
        async with _removal(settings, accounts) as removal:
            await removal.remove(who)
            await removal.close_sessions(who)
    return who


async def hashed(settings: Settings, jid: str) -> int:
    """Print what stands for an account in logs without JIDs, whether or not it exists; the exit code."""

    async def work() -> None:
        hashes = JidHashes()
        async with _open(settings) as accounts:
            hashes.learn(await accounts.secret())
        print(hashes.hashed(_account(jid, settings.domain)))

    return await _do(work)


@asynccontextmanager
async def _removal(settings: Settings, accounts: Accounts) -> AsyncIterator[AccountRemoval]:
    """What removing takes besides the database: contacts and sessions hear of it through Redis."""
    timeout = settings.redis_timeout_seconds
    redis = RedisClient(
        topology(settings.redis_url, timeout), timeout=timeout, probe_seconds=settings.heartbeat_seconds
    )
    registry = Registry(
        redis,
        sessions_per_account=settings.sessions_per_account,
        directed_per_session=settings.directed_presences_per_session,
    )
    bus = Bus(redis, queue_stanzas=settings.session_queue_stanzas)
    stream = ShardStream(redis, "presence", settings.presence_shards, waiting=settings.shard_entries)
    roster = Roster(Rosters(accounts.pool), registry, bus, stream, LocalSessions())
    try:
        await redis.open()
        yield AccountRemoval(accounts, roster.leave, registry, bus)
    finally:
        await redis.close()


async def list_all(settings: Settings) -> int:
    """Print all accounts, a line each; the exit code."""

    async def work() -> None:
        async with _open(settings) as accounts:
            for name in await accounts.names():
                print(name)

    return await _do(work)


async def _do(work: Callable[[], Awaitable[None]]) -> int:
    try:
        await work()
    except (Refused, BusUnavailable, StoreUnavailable, WrongSchema) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


@asynccontextmanager
async def _open(settings: Settings) -> AsyncIterator[Accounts]:
    pool = Pool(settings.database_url, size=1, timeout=settings.store_timeout_seconds)
    await pool.open()
    try:
        await check(pool)
        yield Accounts(pool)
    finally:
        await pool.close()


def _account(text: str, domain: str) -> str:
    """The bare JID of an account of ours; a name without a domain is one of `domain`."""
    try:
        jid = Jid.parse(text if "@" in text else f"{text}@{domain}")
    except JidMalformed as error:
        raise Refused(f"{text!r} is no address: {error}.") from error
    if jid.local is None or jid.resource is not None:
        raise Refused(f"{text!r} is no account's address, such as romeo@{domain}.")
    if jid.domain != domain:
        raise Refused(f"{jid.bare} is not of the domain {domain}; --domain names another.")
    return jid.bare


async def _keys(password: str, settings: Settings) -> list[ScramKeys]:
    try:
        prepared = scram.prepare_password(password)
    except SaslFailure as error:
        raise Refused("That is no password: it is empty or has characters that nobody can type.") from error
    return await asyncio.to_thread(scram.derive_all, prepared, settings.scram_iterations)
