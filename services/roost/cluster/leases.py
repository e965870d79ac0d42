"""Pods live on leases: a heartbeat keeps one, and what a dead pod left is swept."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.resp import pack
from roost.core.ports import BusUnavailable, ServiceStream
from roost.protocol.envelope import PresenceEntry, encode_entry, now

_SWEEP_BATCH = 200  # sessions of a dead pod ended at once


class Epoch:
    """Tells whether Redis is the one we knew, or a part of it has come back empty."""

    def __init__(self, client: RedisClient) -> None:
        """Remembers nothing yet."""
        self._client = client
        self._known: dict[str, bytes] = {}

    async def changed(self) -> bool:
        """Whether a master has lost everything since the last call; raises BusUnavailable."""
        marks = self._client.one_each(keys.EPOCH)
        fresh = secrets.token_hex(8)
        commands = [(mark, pack("SET", mark, fresh, "NX")) for mark in marks]
        commands += [(mark, pack("GET", mark)) for mark in marks]
        found = dict(zip(marks, (await self._client.gather(commands))[len(marks) :], strict=True))
        # a mark not seen before is that of a master whose slots have changed
        lost = any(self._known.get(mark, value) != value for mark, value in found.items())
        self._known.update(found)
        return lost


class PodLease:
    """This pod's lease. While it runs, the pod's sessions are its own."""

    def __init__(
        self,
        client: RedisClient,
        pod: str,
        *,
        lease_seconds: float,
        heartbeat_seconds: float,
        on_empty: Callable[[], Awaitable[None]],
        on_fenced: Callable[[], Awaitable[None]],
        count: Callable[[str], None],
    ) -> None:
        """`on_empty` is awaited when Redis came back empty, again until it ends without BusUnavailable, and
        `on_fenced` when the lease was lost and the sessions were given to the sweep. `count` hears each
        renewal's outcome: `renewed`, `failed`, `lost` or `empty`."""
        self._client = client
        self._pod = pod
        self._lease_ms = int(lease_seconds * 1000)
        self._heartbeat = heartbeat_seconds
        self._on_empty = on_empty
        self._on_fenced = on_fenced
        self._count = count
        self._script = client.script("heartbeat")
        self._epoch = Epoch(client)
        self._taken = False
        self._anew = False
        self._emptied = asyncio.Event()
        self._turn = asyncio.Lock()
        client.on_return(self._beat)

    async def take(self) -> None:
        """Take the lease; raises BusUnavailable."""
        await self._epoch.changed()
        await self._renew(first=True)
        self._taken = True

    async def run(self) -> None:
        """Keep it until cancelled."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._keep())
            both.create_task(self._fill())

    async def release(self, *, empty: bool) -> None:
        """Give it back; raises BusUnavailable.

        `empty` says that all sessions of the pod have ended. Else it has run out now, so that the next
        look for dead pods ends them.
        """
        async with self._turn:
            self._taken = False
            if empty:
                await self._client.call(keys.PODS, "ZREM", keys.PODS, self._pod)
            else:
                await self._client.call(keys.PODS, "ZADD", keys.PODS, "XX", 0, self._pod)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            await self._beat()

    async def _fill(self) -> None:
        """Fill an empty Redis. Apart from the heartbeat: many sessions take longer than a lease runs."""
        while True:
            await self._emptied.wait()
            self._emptied.clear()
            try:
                await self._on_empty()
            except BusUnavailable:
                self._emptied.set()
                await asyncio.sleep(self._heartbeat)

    async def _beat(self) -> None:
        async with self._turn:  # a reconnection and the heartbeat may come together
            if self._taken:
                await self._one_beat()

    async def _one_beat(self) -> None:
        try:
            if await self._epoch.changed():
                self._anew = True
            if await self._renew(first=self._anew):
                self._renewed()
            elif not self._anew and await self._epoch.changed():
                self._anew = True  # it came back empty between the two
                await self._one_beat()
            else:
                self._count("lost")
                self._taken = False
                await self._on_fenced()
        except BusUnavailable:
            self._count("failed")

    def _renewed(self) -> None:
        self._count("empty" if self._anew else "renewed")
        if self._anew:
            self._emptied.set()  # after the lease: what is entered without one would never be swept
        self._anew = False

    async def _renew(self, *, first: bool) -> bool:
        return bool(await self._client.run(self._script, [keys.PODS], self._pod, self._lease_ms, int(first)))


class Sweeper:
    """Ends the sessions of pods whose lease has run out. May die at any point and be done again."""

    def __init__(
        self,
        client: RedisClient,
        presence: ServiceStream,
        on_sweep: Callable[[str, int], None],
        *,
        lease_seconds: float,
    ) -> None:
        """`on_sweep` hears of each dead pod and how many sessions it had."""
        self._lease_ms = int(lease_seconds * 1000)
        self._client = client
        self._presence = presence
        self._on_sweep = on_sweep
        self._expired = client.script("expired")

    async def sweep(self) -> None:
        """Look for dead pods and end what they left; to be called more often than leases run out.

        Raises BusUnavailable.
        """
        for pod in await self._client.run(self._expired, [keys.PODS], self._lease_ms):
            await self._sweep_pod(pod.decode())

    async def _sweep_pod(self, pod: str) -> None:
        index = keys.pod_sessions(pod)
        sessions = 0
        while members := await self._client.call(index, "SRANDMEMBER", index, _SWEEP_BATCH):
            await asyncio.gather(*map(self._end, members))
            # an entry is in its shard's stream now, and will be handled whoever dies
            await self._client.call(index, "SREM", index, *members)
            sessions += len(members)
        await self._client.call(keys.inbox(pod), "DEL", keys.inbox(pod))
        await self._client.call(keys.PODS, "SREM", keys.SWEPT, pod)
        self._on_sweep(pod, sessions)

    async def _end(self, member: bytes) -> None:
        full, sid = member.decode().split("\t")[:2]
        entry = PresenceEntry("ended", full, sid, now(), "crashed", b"")
        await self._presence.append(full.partition("/")[0], encode_entry(entry))
