"""Sharded services: the one mechanism by which work is divided, kept in order and taken over.

A service's work comes in as entries of logs, one a shard, chosen by the key's hash. Each shard has one
owner at a time, by a lease with a fencing epoch. The owner handles entries in order and notes how far
it has come; a successor goes on behind the last finished entry. An entry may so be handled twice, but
never by two at once that both count: what is sent carries (shard, entry), and a late owner's note is refused.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.link import Done
from roost.cluster.log import LogWriter
from roost.cluster.reading import LogReader
from roost.cluster.resp import bulk, pack
from roost.cluster.shard import Shard, Tools
from roost.core.ports import BusUnavailable, ShardHandler
from roost.runtime.figures import Figures


class ShardStream:
    """The way in to a service. Implements core.ports.ServiceStream."""

    def __init__(self, client: RedisClient, service: str, shards: int, *, waiting: int) -> None:
        """`waiting` bounds the entries of one shard that are not finished."""
        self._writer = LogWriter(client, waiting=waiting)
        self._logs = [keys.shard(service, number) for number in range(shards)]
        self._marks = [keys.shard_marks(service, number) for number in range(shards)]
        self._client = client
        self._forward = client.script("forward")

    async def append(self, key: str, entry: bytes) -> None:
        """See core.ports.ServiceStream."""
        await self._writer.append((self._log(key), entry))

    async def forward(self, shard: int, entries: Sequence[tuple[str, bytes, int]]) -> None:
        """See core.ports.ServiceStream."""
        parts: dict[int, list[bytes]] = {}
        for key, entry, mark in entries:
            parts.setdefault(self._number(key), []).append(bulk(entry) + bulk(mark))
        commands = []
        for number, part in parts.items():
            log = self._logs[number]
            head = self._forward.head(1 + 2 * len(part), 2) + bulk(log) + bulk(self._marks[number])
            commands.append((log, head + bulk(shard) + b"".join(part)))
        await self._client.gather(commands)

    def post(self, key: str, entry: bytes, done: Done) -> None:
        """See core.ports.ServiceStream."""
        self._writer.post(self._log(key), entry, done)

    def _log(self, key: str) -> str:
        return self._logs[self._number(key)]

    def _number(self, key: str) -> int:
        return zlib.crc32(key.encode()) % len(self._logs)


class ShardedService:
    """One process's part in a service: the shards it owns, and the work on them."""

    def __init__(
        self,
        client: RedisClient,
        service: str,
        shards: int,
        owner: str,
        handlers: Callable[[int], ShardHandler],
        *,
        lease_seconds: float,
        heartbeat_seconds: float,
        on_bug: Callable[[str, Exception], None],
    ) -> None:
        """`owner` is this process's name, new at each start. A lease is kept by a heartbeat. `handlers` makes
        a handler each time a shard is taken."""
        self._client = client
        self._service = service
        self._count = shards
        self._owner = owner
        self._handlers = handlers
        self._lease = lease_seconds
        self._heartbeat = heartbeat_seconds
        self._on_bug = on_bug
        self._claim = client.script("claim")
        self._join = client.script("join")
        self._owned: dict[int, Shard] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._tools = Tools(
            client, LogReader(client), service, client.script("finish"), self._wake.set, on_bug
        )
        client.on_return(self._returned)

    @property
    def owned(self) -> frozenset[int]:
        """The shards that are ours now."""
        return frozenset(number for number, shard in self._owned.items() if not shard.fenced)

    @property
    def lag(self) -> int:
        """Entries of our shards that are not finished."""
        return sum(shard.lag for shard in self._owned.values())

    def figures(self) -> Figures:
        """See runtime.figures."""
        name = self._service
        return {
            "shards_configured": lambda: {name: self._count},
            "shards_owned": lambda: {name: len(self.owned)},
            "shards_entries_waiting": lambda: {name: self.lag},
            "shards_lag_seconds": {name: self._tools.lag},
            "shards_batch_entries": {name: self._tools.batches},
        }

    async def run(self) -> None:
        """Work until cancelled; `finish` and `give_back` follow."""
        channel = keys.members(self._service)
        self._client.subscribe(channel, lambda _name: self._wake.set())
        try:
            while True:
                await self._round()
                await self._pause()
        finally:
            self._client.unsubscribe(channel)

    async def finish(self) -> None:
        """Finish what is at hand, and give each shard back as soon as that is done.

        First the others hear that they share all of them from now on, so that each is taken at once.
        """
        with suppress(BusUnavailable):  # then they wait until we do not count any more
            await self._client.run(self._join, [keys.members(self._service)], self._owner, 0)
        for number in list(self._owned):
            self._retire(number, give_back=True)
        while self._retiring:
            await asyncio.wait(self._retiring)

    async def give_back(self) -> None:
        """Give back all, and be no member; raises BusUnavailable, and then the leases run out.

        All, because a claim may have been on its way when we were stopped.
        """
        await asyncio.gather(*(self._ask(number, 0) for number in range(self._count)))
        await self._client.run(self._join, [keys.members(self._service)], self._owner, 0)

    def restart(self) -> None:
        """Redis came back empty: nothing of what was is there; take the shards anew, at once."""
        self._wake.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._heartbeat):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    async def _round(self) -> None:
        """Keep what is ours, up to our share, and take what is nobody's."""
        try:
            await asyncio.gather(*map(self._try, sorted(self._owned)))
            share = await self._share()
            for number in self._active()[share:]:
                self._retire(number, give_back=True)
            for number in range(self._count):
                if number not in self._owned and len(self._active()) < share:
                    await self._try(number)
        except BusUnavailable:
            return  # the leases run on; without Redis nobody else takes them either
        except Exception as bug:  # the next round may do better; without rounds all stands still
            self._on_bug(f"the shards of {self._service}", bug)

    def _active(self) -> list[int]:
        return sorted(number for number, shard in self._owned.items() if not shard.leaving)

    async def _share(self) -> int:
        """How many shards are for us: as many as for each, and one more for the first few by name."""
        key = keys.members(self._service)
        members: list[bytes] = await self._client.run(self._join, [key], self._owner, self._lease_ms)
        share, rest = divmod(self._count, len(members))
        return share + (members.index(self._owner.encode()) < rest)

    @property
    def _lease_ms(self) -> int:
        return int(self._lease * 1000)

    async def _try(self, number: int) -> None:
        """Keep a shard, or take it if it is nobody's."""
        until = asyncio.get_running_loop().time() + self._lease  # from before Redis began to count
        shard = self._owned.get(number)
        epoch, *done = await self._ask(number, self._lease_ms)
        if shard is not self._owned.get(number):
            return  # it was given back meanwhile
        if shard is None:
            if epoch:
                self._owned[number] = Shard(
                    self._tools, number, epoch, done[0], until, self._handlers(number)
                )
        elif shard.fenced or shard.epoch != epoch:
            shard.fenced = True
            self._retire(number, give_back=False)
        else:
            shard.renewed(until)

    async def _ask(self, number: int, lease_ms: int) -> Any:
        key = keys.shard_owner(self._service, number)
        return await self._client.run(self._claim, [key], self._owner, lease_ms)

    def _retire(self, number: int, *, give_back: bool) -> None:
        """Part with a shard once what is at hand is finished; until then its lease is kept."""
        shard = self._owned[number]
        if not shard.leaving:
            shard.leave()
            task = asyncio.get_running_loop().create_task(self._part(shard, give_back=give_back))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _part(self, shard: Shard, *, give_back: bool) -> None:
        await shard.ended()
        del self._owned[shard.number]
        if not give_back:
            self._wake.set()  # it may be nobody's
            return
        try:
            await self._ask(shard.number, 0)
        except BusUnavailable:
            return  # the lease will run out
        channel = keys.members(self._service)
        self._client.send(channel, pack("SPUBLISH", channel, self._owner), _ignore)

    async def _returned(self) -> None:
        for shard in self._owned.values():
            shard.follower.check()
        self._wake.set()


def _ignore(_reply: Any) -> None:
    pass
