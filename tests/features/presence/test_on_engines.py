"""The presence service on real engines: across pods, through the death of a pod and of a shard's owner."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

from pods import raised
from roost.cluster.bus import Bus
from roost.cluster.client import RedisClient
from roost.cluster.courier import Couriers
from roost.cluster.fanout import Inbox, PodFanout
from roost.cluster.leases import PodLease, Sweeper
from roost.cluster.leftovers import Leftovers
from roost.cluster.news import News
from roost.cluster.registry import Registry
from roost.cluster.shards import ShardedService, ShardStream
from roost.cluster.topology import topology
from roost.core.ports import Choice
from roost.features.offline import OfflineMessages
from roost.features.presence.audience import Audience
from roost.features.presence.service import Means, PresenceService
from roost.protocol.envelope import PresenceEntry, encode_entry
from roost.protocol.jid import Jid
from roost.protocol.scram import derive_all
from roost.protocol.xml import parse
from roost.store.accounts import Accounts
from roost.store.offline import OfflineMessages as Stored
from roost.store.pool import Pool
from roost.store.rosters import Rosters

ROMEO, JULIET = Jid.parse("romeo@example.net/orchard"), Jid.parse("juliet@example.net/balcony")
KEYS = derive_all(b"secret", 4096)
SHARDS = 4


class Client:
    """A session and what its client hears, in short."""

    def __init__(self, pod, jid, sid):
        self.pod, self.jid, self.sid = pod, jid, sid
        self.heard = []
        self.changed = asyncio.Event()

    def take(self, stanza):
        tree = parse(stanza)
        item = tree.find(".//{jabber:iq:roster}item")
        if item is not None:
            said = f"push {item.get('subscription')}{' ask' if item.get('ask') else ''}"
        else:
            said = f"{tree.get('type', 'available')} {tree.get('from', '').partition('@')[0]}"
        self.heard.append(said)
        self.changed.set()
        return True

    def flushed(self):
        return True

    def told(self, verb, argument):
        pass

    async def hears(self, *said):
        """Wait until the last things heard are these."""
        while self.heard[-len(said) :] != list(said):
            self.changed.clear()
            await self.changed.wait()

    async def hears_each(self, *said):
        """Wait until all of these are heard: what comes through a queue and what comes through the pod's
        inbox have no order between them where several masters carry them."""
        while Counter(said) - Counter(self.heard):
            self.changed.clear()
            await self.changed.wait()

    async def post(self, verb, raw, extra="-"):
        entry = PresenceEntry(verb, self.jid.full, self.sid, 1, extra, raw.encode())
        await self.pod.stream.append(self.jid.bare, encode_entry(entry))

    async def available(self, inner=""):
        raw = f"<presence from='{self.jid.full}'>{inner}</presence>"
        self.pod.registry.available(self.jid, self.sid, 0, raw.encode(), lambda _known: None)
        await self.post("available", raw, "first")

    async def say(self, type, to):
        await self.post(type, f"<presence from='{self.jid.bare}' to='{to.bare}' type='{type}'/>")

    async def end(self):
        assert await self.pod.registry.end(self.jid, self.sid)
        await self.post("ended", "")


class Process:
    """What every process has."""

    def __init__(self, redis_url, database_url):
        self.redis = RedisClient(topology(redis_url, 2), timeout=2, probe_seconds=60)
        self.pool = Pool(database_url, size=2, timeout=5)
        self.registry = Registry(self.redis, sessions_per_account=20, directed_per_session=1000)
        self.stream = ShardStream(self.redis, "presence", SHARDS, waiting=1000)
        self.bugs = []
        self.tasks = []

    async def open(self):
        await self.redis.open()
        await self.pool.open()

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.redis.close()
        await self.pool.close()
        assert not self.bugs


class Pod(Process):
    """The connection manager's part that presence needs."""

    def __init__(self, redis_url, database_url, name):
        super().__init__(redis_url, database_url)
        self.name = name
        self.clients = {}
        self.bus = Bus(self.redis, queue_stanzas=2000)
        self.couriers = Couriers(
            self.redis, trim_seconds=60, queue_stanzas=2000, on_gap=lambda: None, on_bug=raised
        )
        self.inbox = Inbox(self.redis, name, self.deliver, lambda: None, raised)
        self.lease = PodLease(
            self.redis,
            name,
            lease_seconds=0.01,
            heartbeat_seconds=60,
            on_empty=None,
            on_fenced=None,
            count=lambda _outcome: None,
        )

    async def open(self):
        await super().open()
        self.inbox.open()

    def deliver(self, sids, before, after):
        for sid in sids:
            client = self.clients.get(sid)
            if client is not None:
                client.take(before + client.jid.full.encode() + after)

    async def come(self, jid):
        client = Client(self, jid, f"sid-{jid.resource}-{len(self.clients)}")
        self.clients[client.sid] = client
        self.couriers.attach(jid.bare, client.sid, client)
        await self.registry.bind(jid, client.sid, self.name)
        await self.registry.interested(jid, client.sid)
        return client


class Service(Process):
    """A process of the presence service."""

    def audience(self):
        news = News(self.redis, "presence")
        audience = Audience(self.registry, news.tell, keeps=lambda: self.redis.ordered)
        news.listen(audience.heard, audience.clear)
        return audience

    def __init__(self, redis_url, database_url, name):
        super().__init__(redis_url, database_url)
        bus = Bus(self.redis, queue_stanzas=2000)
        stored = Stored(self.pool, limit=100)
        means = Means(
            registry=self.registry,
            rosters=Rosters(self.pool),
            audience=self.audience(),
            accounts=Accounts(self.pool),
            bus=bus,
            stream=self.stream,
            fanouts=lambda: PodFanout(self.redis),
            leftovers=Leftovers(self.redis, queue_stanzas=2000),
            keeper=OfflineMessages(stored, bus, self.bug),
            domains=frozenset({"example.net"}),
            on_bug=self.bug,
            dropped=lambda _reason: None,
        )
        self.sweeper = Sweeper(self.redis, self.stream, lambda *_swept: None, lease_seconds=60)
        self.shards = ShardedService(
            self.redis,
            "presence",
            SHARDS,
            name,
            PresenceService(means).shard,
            lease_seconds=1,
            heartbeat_seconds=0.2,
            on_bug=self.bug,
        )

    def bug(self, where, error):
        self.bugs.append((where, error))

    async def open(self):
        await super().open()
        self.tasks.append(asyncio.get_running_loop().create_task(self.shards.run()))

    async def vanish(self):
        """Die as by kill -9: say nothing to anybody."""
        self.redis.send = lambda key, command, done: None
        await self.redis.close()


@asynccontextmanager
async def verona(redis_url, database_url, services=1):
    pods = [Pod(redis_url, database_url, name) for name in ("one", "two")]
    served = [Service(redis_url, database_url, f"service-{number}") for number in range(services)]
    for process in (*pods, *served):
        await process.open()
    for jid in (ROMEO, JULIET):
        await Accounts(pods[0].pool).create(jid.bare, KEYS)
    try:
        yield pods, served
    finally:
        for process in (*pods, *served):
            await process.close()


async def couple(pods):
    """Romeo and Juliet on two pods, each subscribed to the other."""
    romeo, juliet = await pods[0].come(ROMEO), await pods[1].come(JULIET)
    for client in (romeo, juliet):
        await client.available()
    await romeo.say("subscribe", JULIET)
    await juliet.hears_each("subscribe romeo")
    await juliet.say("subscribed", ROMEO)
    await romeo.hears_each("available romeo", "subscribed juliet", "push to", "available juliet")
    await juliet.say("subscribe", ROMEO)
    await romeo.hears_each("subscribe juliet")
    await romeo.say("subscribed", JULIET)
    await juliet.hears_each("available juliet", "subscribed romeo", "push both", "available romeo")
    await romeo.hears_each("push both")
    romeo.heard.clear()
    juliet.heard.clear()
    return romeo, juliet


def test_two_people_on_two_pods(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as (pods, _services):
            romeo, juliet = await couple(pods)
            await romeo.available("<show>away</show>")
            await juliet.hears("available romeo")
            await juliet.end()
            await romeo.hears("unavailable juliet")
            again = await pods[0].come(JULIET)
            await again.available()
            await again.hears("available juliet", "available romeo")
            await romeo.hears("unavailable juliet", "available juliet")

    run(play())


def test_the_death_of_a_pod_is_told_once(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as (pods, [service]):
            romeo, juliet = await couple(pods)
            await pods[1].lease.take()  # and never renew it
            while not romeo.heard:
                await service.sweeper.sweep()
            await service.sweeper.sweep()
            while await pods[1].registry.leftover(JULIET, juliet.sid) is not None:
                continue  # it is forgotten behind the telling
            await romeo.available()
            await romeo.hears("available romeo")
            assert romeo.heard.count("unavailable juliet") == 1

    run(play())


def test_a_shards_successor_goes_on(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url, 2) as (pods, [first, second]):
            romeo, juliet = await couple(pods)
            await first.vanish()
            for number in range(20):
                await romeo.available(f"<status>{number}</status>")
            await romeo.end()
            await juliet.hears(*["available romeo"] * 20, "unavailable romeo")
            assert len(second.shards.owned) == SHARDS
            first.bugs.clear()

    run(play())


TEXTS = [f"message {number}" for number in range(5)]


async def leave(pods, *texts):
    """Juliet's session on the balcony ends, and messages from Romeo wait in its queue."""
    balcony = await pods[1].come(JULIET)
    await balcony.available()
    pods[1].couriers.detach(balcony.sid)
    for text in texts:
        raw = f"<message from='{ROMEO.full}' to='{JULIET.full}' type='chat'><body>{text}</body></message>"
        await pods[0].bus.deliver_now(JULIET.bare, Choice.RESOURCE, JULIET.resource, raw.encode())
    await balcony.end()


def mortal(services, last_words):
    """Whichever process of the service is the first to send that many commands like this one, dies of it."""
    dead = []

    def die(service, alive):
        left = [last_words[1]]

        def send(key, command, done):
            if service in dead:
                return
            left[0] -= last_words[0] in command
            if not left[0] and not dead:
                dead.append(service)
                return
            alive(key, command, done)

        service.redis.send = send

    for service in services:
        die(service, service.redis.send)
    return dead


async def until_forgotten(pod, dead):
    """Wait until another process has done what the dead one had begun."""
    while (await pod.registry.leftover(JULIET, "sid-balcony-0")) is not None:
        continue
    [service] = dead
    service.bugs.clear()


def test_what_went_to_another_session_goes_there_once_though_a_process_died(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url, 2) as (pods, services):
            chamber = await pods[0].come(JULIET.bare_jid().with_resource("chamber"))
            await chamber.available()
            await chamber.hears("available juliet")
            dead = mortal(services, (TEXTS[2].encode(), 1))
            await leave(pods, *TEXTS)
            await until_forgotten(pods[0], dead)
            await chamber.hears_each(*["chat romeo"] * len(TEXTS))
            assert chamber.heard.count("chat romeo") == len(TEXTS)

    run(play())


def test_what_went_to_the_store_goes_there_once_though_a_process_died(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url, 2) as (pods, services):
            dead = mortal(services, (pods[0].redis.script("forget").sha, 2))
            await leave(pods, *TEXTS)
            await until_forgotten(pods[0], dead)
            kept = await Stored(pods[0].pool, limit=100).fetch(JULIET.bare, 100)
            assert [text in message.raw.decode() for text, message in zip(TEXTS, kept, strict=True)] == [
                True
            ] * 5

    run(play())
