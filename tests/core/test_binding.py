"""Sessions begin and end: who hears of it, and in what order."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from figures import told
from roost.core.binding import Binder
from roost.core.ports import Bound, BusUnavailable
from roost.core.session import LocalSessions
from roost.core.traffic import Traffic
from roost.protocol.envelope import decode_entry
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid

ROMEO = Jid.parse("romeo@example.net")
WIRE = SimpleNamespace(peer="192.0.2.1")


class World:
    def __init__(self, bound=None):
        self.bound = bound or Bound(True, None)
        self.done = []
        self.sessions = LocalSessions()
        self.traffic = Traffic()
        ports = self
        self.binder = Binder("pod", ports, ports, ports, self.sessions, ports)
        self.left = []

    def spawn(self, work):
        self.left.append(asyncio.get_running_loop().create_task(work))

    def attach(self, bare, sid, sink):
        self.done.append("attach")
        return self

    def detach(self, sid):
        self.done.append("detach")

    async def bind(self, jid, sid, pod, state="", presence=b""):
        self.done.append("bind")
        if isinstance(self.bound, Exception):
            raise self.bound
        return self.bound

    async def end(self, jid, sid):
        self.done.append("end")
        return True

    async def append(self, key, entry):
        read = decode_entry(entry)
        self.done.append((key, read.verb, read.sid, read.extra))


def bind(world, resource="orchard"):
    return asyncio.run(world.binder.bind(ROMEO, resource, WIRE, None))[0]


def test_the_channel_is_heard_before_the_registry_sends_anybody():
    world = World()
    session = bind(world)
    assert session.jid.full == "romeo@example.net/orchard"
    assert world.done == ["attach", "bind"]
    assert world.sessions.get(session.sid) is session


def test_a_resource_is_made_for_who_names_none():
    one, other = bind(World(), None), bind(World(), None)
    assert one.jid.resource != other.jid.resource
    assert one.sid != other.sid


def test_the_end_of_who_gave_way_is_told_before_anything_of_the_new_session():
    world = World(Bound(True, "old"))
    bind(world)
    assert world.done[-1] == ("romeo@example.net", "ended", "old", "conflict")


@pytest.mark.parametrize(
    ("bound", "error"), [(Bound(False, None), StanzaError), (BusUnavailable(), BusUnavailable)]
)
def test_what_could_not_begin_leaves_nothing(bound, error):
    world = World(bound)

    async def play():
        with pytest.raises(error):
            await world.binder.bind(ROMEO, "orchard", None, None)
        await asyncio.gather(*world.left)

    asyncio.run(play())
    assert "detach" in world.done
    assert len(world.sessions) == 0
    # where it is not known whether the registry took it, its end is seen to
    assert ("end" in world.done) == (error is BusUnavailable)


def test_an_end_is_seen_to_when_redis_is_back(monkeypatch):
    monkeypatch.setattr("roost.core.binding._RETRY_SECONDS", 0)
    world = World()
    session = bind(world)
    append, failures = world.append, iter([BusUnavailable(), BusUnavailable()])

    async def failing(key, entry):
        for failure in failures:
            raise failure
        await append(key, entry)

    async def marked_once(jid, sid):
        world.done.append("end")
        return world.done.count("end") == 1

    world.append, world.end = failing, marked_once
    asyncio.run(world.binder.end(session, "closed"))
    assert world.done[-1] == ("romeo@example.net", "ended", session.sid, "closed")
    assert world.done.count("end") == 3


def test_an_end_is_told_and_then_nothing_is_left_to_do():
    world = World()
    session = bind(world)
    assert not world.binder.idle
    world.binder.leave(session)
    assert session.ended
    assert not world.binder.idle
    asyncio.run(world.binder.end(session, "closed"))
    assert world.done[2:] == ["detach", "end", ("romeo@example.net", "ended", session.sid, "closed")]
    assert world.binder.idle


def test_who_retires_is_chosen_no_more_before_it_is_carried_for_no_more():
    """What was sent before has come then; the end is told when the client has been heard out."""
    world = World()
    session = bind(world)
    asyncio.run(world.binder.retire(session))
    assert world.done[2:] == ["end", "detach"]
    assert not world.binder.idle
    asyncio.run(world.binder.announce(session, "system-shutdown"))
    assert world.done[-1] == ("romeo@example.net", "ended", session.sid, "system-shutdown")
    assert world.binder.idle


def test_all_sessions_are_entered_again_when_redis_came_back_empty():
    world = World()
    bind(world, "a")
    bind(world, "b")
    asyncio.run(world.binder.enter_again())
    assert world.done.count("bind") == 4


def test_a_session_too_many_is_counted():
    world = World(bound=Bound(False, None))
    with pytest.raises(StanzaError):
        bind(world)
    assert told(world.sessions, "drops")["sessions-per-account"] == 1
