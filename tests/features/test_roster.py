"""The roster as clients see it, on real engines."""

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
from roost.core.features import IqRequest
from roost.core.ports import RosterItem
from roost.core.rosters import read_removed
from roost.core.session import LocalSessions
from roost.features.roster import Roster
from roost.protocol.envelope import decode_entry
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.scram import derive_all
from roost.protocol.xml import parse, serialise
from roost.store.accounts import Accounts
from roost.store.pool import Pool
from roost.store.rosters import Rosters

ROMEO, ORCHARD, TOMB = (Jid.parse(f"romeo@example.net{rest}") for rest in ("", "/orchard", "/tomb"))
JULIET = "juliet@example.com"
NS = "{jabber:iq:roster}"


class Ear:
    def __init__(self):
        self.taken = []
        self.changed = asyncio.Event()

    def take(self, stanza):
        self.taken.append(parse(stanza))
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
        return self.taken


class Presence:
    """The presence service's way in, which remembers."""

    def __init__(self):
        self.entries = []

    async def append(self, key, entry):
        self.entries.append(decode_entry(entry))


class Pod:
    def __init__(self, redis_url, database_url):
        self.redis = RedisClient(topology(redis_url, 5), timeout=5, probe_seconds=60)
        self.pool = Pool(database_url, size=2, timeout=5)
        self.registry = Registry(self.redis, sessions_per_account=20, directed_per_session=1000)
        self.couriers = Couriers(
            self.redis, trim_seconds=60, queue_stanzas=2000, on_gap=lambda: None, on_bug=raised
        )
        self.rosters = Rosters(self.pool)
        self.presence = Presence()
        bus = Bus(self.redis, queue_stanzas=2000)
        self.roster = Roster(self.rosters, self.registry, bus, self.presence, LocalSessions(), items=5)

    async def come(self, jid):
        ear = Ear()
        self.couriers.attach(jid.bare, f"sid-{jid.resource}", ear)
        await self.registry.bind(jid, f"sid-{jid.resource}", "pod")
        return ear

    async def get(self, jid=ORCHARD, ver=None, to=None):
        said = "" if ver is None else f" ver='{ver}'"
        query = parse(f"<query xmlns='jabber:iq:roster'{said}/>".encode())
        return await self.roster.get(IqRequest(jid, to, "get", "g", query, f"sid-{jid.resource}"))

    async def set(self, *items, jid=ORCHARD, to=None):
        query = parse(f"<query xmlns='jabber:iq:roster'>{''.join(items)}</query>".encode())
        await self.roster.set(IqRequest(jid, to, "set", "s", query, f"sid-{jid.resource}"))


@asynccontextmanager
async def verona(redis_url, database_url):
    pod = Pod(redis_url, database_url)
    await pod.redis.open()
    await pod.pool.open()
    await Accounts(pod.pool).create(ROMEO.bare, derive_all(b"secret", 4096))
    try:
        yield pod
    finally:
        await pod.redis.close()
        await pod.pool.close()


def test_a_change_is_pushed_to_all_interested_sessions_and_to_no_other(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            ears = [await pod.come(jid) for jid in (ORCHARD, TOMB)]
            deaf = await pod.come(ROMEO.with_resource("deaf"))
            for jid in (ORCHARD, TOMB):
                await pod.get(jid)
            await pod.set(f"<item jid='{JULIET}' name='My Juliet'><group>Loves</group></item>")
            pushes = [(await ear.has(1))[0] for ear in ears]
            assert [push.get("to") for push in pushes] == [ORCHARD.full, TOMB.full]
            assert pushes[0].get("id") != pushes[1].get("id")
            for push in pushes:
                assert (push.get("type"), push[0].get("ver"), push.get("from")) == ("set", "1", None)
                assert push[0][0].attrib == {"jid": JULIET, "name": "My Juliet", "subscription": "none"}
                assert push[0][0].findtext(f"{NS}group") == "Loves"
            assert deaf.taken == []

    run(play())


def test_a_client_that_knows_a_version_gets_what_came_after_it(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            ear = await pod.come(ORCHARD)
            for name in ("a", "b", "c"):
                await pod.set(f"<item jid='{name}@example.com'/>")
            known = (await pod.get()).get("ver")
            await pod.set("<item jid='b@example.com' name='Bee'/>")
            await pod.set("<item jid='c@example.com' subscription='remove'/>")
            await ear.has(2)
            ear.taken.clear()
            assert await pod.get(ver=known) is None
            items = [(push[0].get("ver"), push[0][0]) for push in await ear.has(2)]
            assert [(ver, item.get("jid"), item.get("subscription")) for ver, item in items] == [
                ("4", "b@example.com", "none"),
                ("5", "c@example.com", "remove"),
            ]
            assert await pod.get(ver="5") is None
            assert len(await pod.get(ver="")) == 2  # section 2.6.2: an empty one knows nothing
            assert len(await pod.get(ver="99")) == 2  # a version that was never given out

    run(play())


def test_the_user_does_not_see_what_only_remembers_a_request(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            hidden = RosterItem(JULIET, pending_in=True, listed=False, request=b"<presence/>")
            await pod.rosters.change(ROMEO.bare, JULIET, lambda _item: hidden)
            assert len(await pod.get()) == 0
            with pytest.raises(StanzaError, match="item-not-found"):
                await pod.set(f"<item jid='{JULIET}' subscription='remove'/>")
            await pod.set(f"<item jid='{JULIET}' name='J' subscription='both'/>")
            item = await pod.rosters.item(ROMEO.bare, JULIET)
            assert (item.pending_in, item.request, item.subscription) == (True, b"<presence/>", "none")

    run(play())


def test_removing_a_contact_tells_the_presence_service_what_there_was(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            both = RosterItem(JULIET, subscription="both")
            await pod.rosters.change(ROMEO.bare, JULIET, lambda _item: both)
            ear = await pod.come(ORCHARD)
            await pod.get()
            await pod.set(f"<item jid='{JULIET}' subscription='remove'/>")
            [push] = await ear.has(1)
            assert push[0][0].attrib == {"jid": JULIET, "subscription": "remove"}
            [entry] = pod.presence.entries
            assert (entry.verb, entry.subject) == ("roster-removed", ROMEO.bare)
            assert read_removed(entry.extra) == both
            await pod.set("<item jid='nurse@example.com'/>")
            await pod.set("<item jid='nurse@example.com' subscription='remove'/>")
            assert len(pod.presence.entries) == 1  # nothing to cancel

    run(play())


def test_an_account_that_leaves_cancels_all_subscriptions(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            for name, subscription in (("a", "to"), ("b", "none"), ("c", "from")):
                item = RosterItem(f"{name}@example.com", subscription=subscription)
                await pod.rosters.change(ROMEO.bare, item.contact, lambda _item, item=item: item)
            await pod.roster.leave(ROMEO.bare)
            told = [read_removed(entry.extra) for entry in pod.presence.entries]
            assert [(item.contact[0], item.subscription) for item in told] == [("a", "to"), ("c", "from")]

    run(play())


@pytest.mark.parametrize(
    ("items", "condition"),
    [
        (["<item jid='a@b'/>", "<item jid='c@d'/>"], "bad-request"),
        ([], "bad-request"),
        (["<item/>"], "bad-request"),
        (["<item jid='a@b/c'/>"], "bad-request"),
        (["<item jid='@b'/>"], "jid-malformed"),
        ([f"<item jid='{ROMEO.bare}'/>"], "not-allowed"),
        (["<item jid='a@b'><group>x</group><group>x</group></item>"], "bad-request"),
        (["<item jid='a@b'><group/></item>"], "not-acceptable"),
        ([f"<item jid='a@b'><group>{'x' * 1024}</group></item>"], "not-acceptable"),
        ([f"<item jid='a@b' name='{'x' * 1024}'/>"], "not-acceptable"),
        (["<item jid='a@b' subscription='remove'/>"], "item-not-found"),
    ],
)
def test_mistakes_are_refused_by_name(redis_url, database_url, run, items, condition):
    async def play():
        async with verona(redis_url, database_url) as pod:
            with pytest.raises(StanzaError, match=condition):
                await pod.set(*items)
            assert len(await pod.get()) == 0

    run(play())


def test_a_roster_has_a_bound(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            for number in range(5):
                await pod.set(f"<item jid='{number}@example.com'/>")
            with pytest.raises(StanzaError, match="resource-constraint"):
                await pod.set("<item jid='more@example.com'/>")
            await pod.set("<item jid='4@example.com' name='still'/>")

    run(play())


def test_the_roster_is_its_owners_alone(redis_url, database_url, run):
    async def play():
        async with verona(redis_url, database_url) as pod:
            for to in (Jid.parse(JULIET), Jid.parse("nobody@example.net")):
                with pytest.raises(StanzaError, match="forbidden"):
                    await pod.get(to=to)
                with pytest.raises(StanzaError, match="forbidden"):
                    await pod.set("<item jid='a@b'/>", to=to)
            assert len(await pod.get(to=ROMEO)) == 0

    run(play())


def test_stream_features(redis_url, database_url):
    pod = Pod(redis_url, database_url)
    assert [serialise(one) for one in pod.roster.stream_features()] == [
        b"<ver xmlns='urn:xmpp:features:rosterver'/>",
        b"<sub xmlns='urn:xmpp:features:pre-approval'/>",
    ]
