"""A bound session: what it does with its client's stanzas."""

from __future__ import annotations

import asyncio

import pytest

from figures import told
from roost.core.features import Feature, iq
from roost.core.iq import IqDispatcher
from roost.core.router import Router
from roost.core.session import LocalSessions, Session, SessionServices
from roost.core.traffic import Traffic
from roost.protocol.errors import StreamError
from roost.protocol.framing import Framer
from roost.protocol.jid import Jid
from roost.protocol.restricted import Limits

ROMEO = Jid.parse("romeo@example.net/orchard")
OPEN = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


class Wire:
    def __init__(self):
        self.out = []
        self.writable = True
        self.flushed = True
        self.reading = True

    def write(self, data):
        self.out.append(data)

    def pause(self):
        self.reading = False

    def resume(self):
        self.reading = True


class Bus:
    def __init__(self):
        self.sent = []

    def deliver(self, bare, choices, resource, stanza, done, *, store):
        self.sent.append((bare, resource, stanza))


class Slow(Feature):
    """Answers when it is let."""

    def __init__(self):
        self.gate = asyncio.Event()

    @iq("get", "urn:slow", "q")
    async def answer(self, request):
        await self.gate.wait()


class World:
    def __init__(self, lang=None):
        self.slow = Slow()
        self.bus = Bus()
        self.wire = Wire()
        self.presence = []
        self.closed = []
        self.tasks = []
        self.traffic = Traffic()
        services = SessionServices(
            router=Router(self.bus, frozenset({"example.net"}), lambda _message: None),
            iqs=IqDispatcher([self.slow], lambda _where, bug: (_ for _ in ()).throw(bug)),
            availability=self,
            drain=self.drain,
            spawn=lambda work: self.tasks.append(asyncio.get_running_loop().create_task(work)),
            close=lambda session, error: self.closed.append((session, error.condition)),
            traffic=self.traffic,
        )
        self.drained = []
        self.session = Session(ROMEO, "sid", self.wire, services, lang)
        self.framer = Framer(Limits())
        self.framer.feed(OPEN)

    def stanza(self, session, stanza, stamped):
        self.presence.append(stamped)

    async def drain(self, account):
        self.drained.append(account.bare)

    def receive(self, raw):
        for stanza in self.framer.feed(raw):
            self.session.received(stanza)


def test_who_it_is_from_is_stamped():
    world = World(lang="de")
    world.receive(b"<message to='juliet@example.net/balcony'><body>hi</body></message>")
    bare, resource, raw = world.bus.sent[0]
    assert (bare, resource) == ("juliet@example.net", "balcony")
    assert raw == (
        b"<message from='romeo@example.net/orchard' xml:lang='de' to='juliet@example.net/balcony'>"
        b"<body>hi</body></message>"
    )


def test_a_stanza_keeps_its_own_language():
    world = World(lang="de")
    world.receive(b"<message xml:lang='fr' to='juliet@example.net'/>")
    assert world.bus.sent[0][2].count(b"xml:lang") == 1


@pytest.mark.parametrize("sender", ["romeo@example.net/orchard", "romeo@example.net", "Romeo@EXAMPLE.net"])
def test_ones_own_address_may_be_said(sender):
    world = World()
    world.receive(f"<message from='{sender}' to='juliet@example.net'/>".encode())
    assert world.bus.sent[0][2] == b"<message from='romeo@example.net/orchard' to='juliet@example.net'/>"


@pytest.mark.parametrize("sender", ["juliet@example.net", "romeo@example.net/other", "@", "example.net"])
def test_anothers_address_ends_the_stream(sender):
    """RFC 6120 section 8.1.2.1."""
    with pytest.raises(StreamError) as error:
        World().receive(f"<message from='{sender}' to='juliet@example.net'/>".encode())
    assert error.value.condition == "invalid-from"


@pytest.mark.parametrize(
    ("raw", "condition"),
    [
        (b"<message to='@'/>", b"jid-malformed"),
        (b"<message to='someone@elsewhere.example'/>", b"remote-server-not-found"),
        (b"<message to='example.net'/>", b"service-unavailable"),
        (b"<iq type='get'><q xmlns='urn:x'/></iq>", b"bad-request"),
        (b"<iq type='what' id='1'><q xmlns='urn:x'/></iq>", b"bad-request"),
        (b"<iq id='1'/>", b"bad-request"),
    ],
)
def test_a_bad_stanza_is_answered_and_the_stream_lives(raw, condition):
    world = World()
    world.receive(raw)
    assert condition in world.wire.out[0]
    assert b"type='error'" in world.wire.out[0]


def test_an_error_is_never_answered_with_one():
    world = World()
    world.receive(b"<message type='error' to='@'/>")
    assert world.wire.out == []


def test_an_unknown_type_of_message_counts_as_normal():
    world = World()
    world.receive(b"<message type='shout' to='juliet@example.net'/>")
    assert len(world.bus.sent) == 1


def test_iqs_are_answered_in_order_and_a_flood_is_not_read(run):
    async def play():
        world = World()
        for number in range(20):
            world.receive(f"<iq type='get' id='i{number}'><q xmlns='urn:slow'/></iq>".encode())
        assert not world.wire.reading
        world.slow.gate.set()
        await asyncio.gather(*world.tasks)
        assert [f"id='i{number}'".encode() in reply for number, reply in enumerate(world.wire.out)] == [
            True
        ] * 20
        assert world.wire.reading

    run(play())


def test_results_go_to_who_asked_and_nowhere_else():
    world = World()
    world.receive(b"<iq type='result' id='1' to='juliet@example.net/balcony'/>")
    world.receive(b"<iq type='result' id='push'/>")
    assert [sent[:2] for sent in world.bus.sent] == [("juliet@example.net", "balcony")]
    assert world.wire.out == []


def test_notices(run):
    async def play():
        world = World()
        world.session.told("close", "conflict")
        assert world.closed == [(world.session, "conflict")]
        world.session.told("drain", "")
        world.session.priority = -1
        world.session.told("drain", "")
        world.session.priority = 0
        world.session.told("drain", "")
        await asyncio.gather(*world.tasks)
        assert world.drained == ["romeo@example.net"]

    run(play())


def test_a_session_that_has_ended_writes_nothing():
    world = World()
    world.session.ended = True
    world.session.write(b"x")
    assert world.wire.out == []


def test_fan_out_to_those_that_are_here():
    world, sessions = World(), LocalSessions()
    sessions.add(world.session)
    sessions.deliver(["sid", "elsewhere"], b"<presence to='", b"'/>")
    assert world.wire.out == [b"<presence to='romeo@example.net/orchard'/>"]
    assert (len(sessions), sessions.get("sid"), sessions.all()) == (1, world.session, [world.session])
    sessions.discard(world.session)
    sessions.deliver(["sid"], b"a", b"b")
    assert (len(sessions), len(world.wire.out)) == (0, 1)


def test_what_the_registry_would_need_again():
    session = World().session
    assert session.state == "-\t"
    session.priority, session.interested = 5, True
    assert session.state == "5\ti"


def test_stanzas_are_counted_by_kind_both_ways():
    world, sessions = World(), LocalSessions()
    sessions.add(world.session)
    world.receive(b"<message to='juliet@example.net'><body>hi</body></message><presence/>")
    world.receive(b"<message to='juliet@example.net' type='error'/><iq type='dance' id='1'/>")
    assert told(world.traffic, "stanzas_received") == {"message": 2, "presence": 1, "iq": 1}
    world.session.take(b"<message/>")
    sessions.deliver(["sid", "gone"], b"<presence to='", b"'/>")
    assert told(world.traffic, "stanzas_sent") == {"message": 1, "presence": 0, "iq": 1}
    assert told(sessions, "stanzas_sent") == {"presence": 1}
    assert told(sessions, "presence_delivered") == 1
    assert told(sessions, "drops") == {"session-gone": 1, "sessions-per-account": 0}


def test_what_is_dropped_in_silence_is_counted():
    world = World()
    world.receive(b"<message to='@' type='error'/>")
    world.session.ended = True
    world.session.write(b"<iq/>")
    assert told(world.traffic, "drops") == {"unanswerable": 1, "session-ended": 1}
