"""Pods without streams: a bus, a registry and couriers on real engines, and sessions that remember."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from roost.cluster.bus import Bus
from roost.cluster.client import RedisClient
from roost.cluster.courier import Couriers
from roost.cluster.registry import Registry
from roost.cluster.topology import topology
from roost.protocol.jid import Jid

JULIET = "juliet@example.net"


def raised(_where, error):
    """For who expects no fault."""
    raise error


class Client:
    """A session's end that remembers what it took."""

    def __init__(self):
        self.taken = []
        self.notices = []
        self.room = 10_000
        self.got = None  # how much of it the client's machine has got; None for all
        self.changed = asyncio.Event()

    def take(self, stanza):
        self.taken.append(stanza)
        self.room -= 1
        self.changed.set()
        return self.room > 0

    def flushed(self):
        return self.got is None

    def mark(self):
        return len(self.taken)

    def passed(self, mark):
        return self.got >= mark

    def told(self, verb, argument):
        self.notices.append((verb, argument))
        self.changed.set()

    async def until(self, done):
        while not done(self):
            self.changed.clear()
            await self.changed.wait()


class Pod:
    def __init__(self, url, *, queue=2000):
        self.redis = RedisClient(topology(url, 5), timeout=5, probe_seconds=60)
        self.bus = Bus(self.redis, queue_stanzas=queue)
        self.registry = Registry(self.redis, sessions_per_account=20, directed_per_session=1000)
        self.gaps = 0
        self.bugs = []
        self.couriers = Couriers(
            self.redis, trim_seconds=60, queue_stanzas=queue, on_gap=self._gap, on_bug=self._bug
        )

    def _bug(self, where, error):
        self.bugs.append((where, error))

    def _gap(self):
        self.gaps += 1

    async def session(self, jid, sid, priority=0):
        client = Client()
        jid = Jid.parse(jid)
        client.courier = self.couriers.attach(jid.bare, sid, client)
        await self.registry.bind(jid, sid, "pod")
        if priority is not None:
            self.registry.available(jid, sid, priority, b"<presence/>", lambda _known: None)
        return client

    async def deliver(self, bare, choices, resource, stanza, *, store=False):
        future = asyncio.get_running_loop().create_future()
        self.bus.deliver(bare, choices, resource, stanza, future.set_result, store=store)
        return await future


@asynccontextmanager
async def pods(url, count=2, **options):
    made = [Pod(url, **options) for _ in range(count)]
    for pod in made:
        await pod.redis.open()
    try:
        yield made
    finally:
        for pod in made:
            await pod.redis.close()
