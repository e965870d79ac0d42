"""Messages for the absent, on real engines."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from pods import raised
from roost.cluster.bus import Bus
from roost.cluster.client import RedisClient
from roost.cluster.courier import Couriers
from roost.cluster.registry import Registry
from roost.cluster.topology import topology
from roost.core.ports import StoreUnavailable
from roost.core.router import AbsentMessage, Router
from roost.features.offline import OfflineMessages
from roost.protocol.jid import Jid
from roost.protocol.scram import derive_all
from roost.protocol.stanza import Stanza, insert_attributes
from roost.protocol.xml import parse
from roost.store.accounts import Accounts
from roost.store.offline import OfflineMessages as Stored
from roost.store.pool import Pool

ROMEO = Jid.parse("romeo@example.net/orchard")
JULIET = Jid.parse("juliet@example.net/balcony")
KEYS = derive_all(b"secret", 4096)


class Ear:
    """A session's end that takes everything."""

    def __init__(self):
        self.taken = []
        self.changed = asyncio.Event()

    def take(self, stanza):
        self.taken.append(stanza)
        self.changed.set()
        return True

    def flushed(self):
        return True

    def told(self, verb, argument):
        pass

    async def has(self, count):
        while len(self.taken) < count:
            self.changed.clear()
            await self.changed.wait()
        return [parse(raw).findtext("{jabber:client}body") for raw in self.taken]


class Pod:
    def __init__(self, redis_url, database_url):
        self.redis = RedisClient(topology(redis_url, 5), timeout=5, probe_seconds=60)
        self.pool = Pool(database_url, size=2, timeout=5)
        self.bus = Bus(self.redis, queue_stanzas=2000)
        self.registry = Registry(self.redis, sessions_per_account=20, directed_per_session=1000)
        self.couriers = Couriers(
            self.redis, trim_seconds=60, queue_stanzas=2000, on_gap=lambda: None, on_bug=raised
        )
        self.stored = Stored(self.pool, limit=50)
        self.bugs = []
        self.offline = OfflineMessages(self.stored, self.bus, lambda *bug: self.bugs.append(bug))
        self.router = Router(self.bus, frozenset({"example.net"}), self.offline.absent)
        self.replies = []

    @property
    def counts(self):
        return self.offline.figures()["offline_messages"]

    async def until(self, count):
        """Look until that many have come to something; the test has a deadline."""
        while True:
            if self.counts.total() >= count:
                return
            await asyncio.sleep(0.005)

    def say(self, text, *, to=JULIET, type="chat", inner=None):
        inner = f"<body>{text}</body>" if inner is None else inner
        raw = f"<message to='{to.full}' type='{type}' id='{text}'>{inner}</message>".encode()
        payload = "jabber:client}body" if inner else None
        stanza = Stanza("message", raw, to.full, None, type, text, None, payload)
        stamped = insert_attributes(raw, f" from='{ROMEO.full}'".encode())
        self.router.send(stanza, stamped, ROMEO, to, self.replies.append)

    async def come(self, jid=JULIET, sid="s1", priority=0):
        ear = Ear()
        self.couriers.attach(jid.bare, sid, ear)
        await self.registry.bind(jid, sid, "pod")
        self.registry.available(jid, sid, priority, b"<presence/>", lambda _known: None)
        return ear


@asynccontextmanager
async def pods(redis_url, database_url, count=1):
    made = [Pod(redis_url, database_url) for _ in range(count)]
    for pod in made:
        await pod.redis.open()
        await pod.pool.open()
    await Accounts(made[0].pool).create(JULIET.bare, KEYS)
    try:
        yield made
    finally:
        for pod in made:
            await pod.redis.close()
            await pod.pool.close()
            assert not pod.bugs


def test_messages_wait_and_are_handed_over_in_order_with_the_time_they_came(redis_url, database_url, run):
    async def play():
        async with pods(redis_url, database_url) as [pod]:
            said = [str(number) for number in range(20)]
            for text in said:
                pod.say(text)
            await pod.until(20)
            ear = await pod.come()
            await pod.offline.drain(JULIET.bare_jid())
            assert await ear.has(20) == said
            delay = parse(ear.taken[0]).find("{urn:xmpp:delay}delay")
            assert delay.get("from") == "example.net"
            assert delay.get("stamp").endswith("Z")
            assert pod.counts == {"stored": 20, "delivered": 20}
            assert await pod.stored.count(JULIET.bare) == 0

    run(play())


def test_many_pods_may_hand_over_at_once(redis_url, database_url, run):
    async def play():
        async with pods(redis_url, database_url, 3) as made:
            for number in range(40):
                made[0].say(str(number))
            await made[0].until(40)
            ear = await made[0].come()
            await asyncio.gather(*(pod.offline.drain(JULIET.bare_jid()) for pod in made for _ in range(2)))
            assert await ear.has(40) == [str(number) for number in range(40)]
            await made[0].bus.deliver_now(JULIET.bare, *_to_balcony(b"<message><body>last</body></message>"))
            assert (await ear.has(41))[-1] == "last"

    run(play())


def _to_balcony(stanza):
    from roost.core.ports import Choice

    return Choice.RESOURCE, JULIET.resource, stanza


def test_dying_between_the_queue_and_the_store_repeats_nothing(redis_url, database_url, run, monkeypatch):
    async def play():
        async with pods(redis_url, database_url) as [pod]:
            pod.say("once")
            await pod.until(1)
            ear = await pod.come()

            async def dies(bare, ids):
                raise KeyboardInterrupt

            with monkeypatch.context() as patch:
                patch.setattr(pod.stored, "remove", dies)
                with pytest.raises(KeyboardInterrupt):
                    await pod.offline._hand_over(JULIET.bare)
            await pod.offline.drain(JULIET.bare_jid())
            await pod.bus.deliver_now(JULIET.bare, *_to_balcony(b"<message><body>last</body></message>"))
            assert await ear.has(2) == ["once", "last"]

    run(play())


def test_nothing_is_handed_to_a_negative_priority(redis_url, database_url, run):
    async def play():
        async with pods(redis_url, database_url) as [pod]:
            await pod.come(priority=-1)
            pod.say("later", to=JULIET.bare_jid())
            await pod.until(1)
            await pod.offline.drain(JULIET.bare_jid())
            assert await pod.stored.count(JULIET.bare) == 1

    run(play())


@pytest.mark.parametrize(
    ("type", "inner", "outcome", "error"),
    [
        ("chat", "<active xmlns='http://jabber.org/protocol/chatstates'/>", "dropped", None),
        ("chat", "<thread>t</thread><gone xmlns='http://jabber.org/protocol/chatstates'/>", "dropped", None),
        (
            "chat",
            "<body>a</body><active xmlns='http://jabber.org/protocol/chatstates'/>",
            "stored",
            None,
        ),
        ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", "stored", None),
        ("chat", "<body>a</body><no-store xmlns='urn:xmpp:hints'/>", "refused", "service-unavailable"),
        (
            "chat",
            "<paused xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>",
            "dropped",
            None,
        ),
        ("chat", "", "dropped", None),
    ],
)
def test_what_is_kept(redis_url, database_url, run, type, inner, outcome, error):
    async def play():
        async with pods(redis_url, database_url) as [pod]:
            pod.say("x", to=JULIET.bare_jid(), type=type, inner=inner)
            await pod.until(1)
            assert pod.counts == {outcome: 1}
            assert [_condition(raw) for raw in pod.replies] == ([error] if error else [])

    run(play())


def test_the_sender_hears_when_there_is_no_room_and_when_there_is_no_account_alike(
    redis_url, database_url, run
):
    async def play():
        async with pods(redis_url, database_url) as [pod]:
            pod.say("who", to=Jid.parse("nobody@example.net/x"))
            for number in range(51):
                pod.say(str(number))
            await pod.until(52)
            assert pod.counts == {"stored": 50, "full": 1, "unknown": 1}
            assert [_condition(raw) for raw in pod.replies] == ["service-unavailable"] * 2

    run(play())


def test_the_sender_hears_when_the_store_is_away(redis_url, database_url, run, monkeypatch):
    async def play():
        async with pods(redis_url, database_url) as [pod]:

            async def away(*_arguments):
                raise StoreUnavailable("the test says so")

            monkeypatch.setattr(pod.pool, "fetch", away)
            pod.say("lost")
            await pod.until(1)
            assert [_condition(raw) for raw in pod.replies] == ["resource-constraint"]

    run(play())


def test_a_message_kept_a_second_time_keeps_its_first_time(redis_url, database_url, run):
    async def play():
        async with pods(redis_url, database_url) as [pod]:
            pod.say("old")
            await pod.until(1)
            [first] = await pod.stored.fetch(JULIET.bare, 1)
            stanza = Stanza("message", first.raw, JULIET.full, ROMEO.full, "chat", "old", None, "body")
            await pod.offline.kept(AbsentMessage(stanza, first.raw, ROMEO, JULIET, pod.replies.append))
            [_, second] = await pod.stored.fetch(JULIET.bare, 2)
            assert second.raw == first.raw

    run(play())


def _condition(raw):
    return parse(raw).find("{jabber:client}error")[0].tag.rpartition("}")[2]
