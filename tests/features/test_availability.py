"""A client's presence on its connection manager: what is refused, noted, and handed to the service."""

from __future__ import annotations

import pytest

from figures import told
from roost.core.ports import BusUnavailable
from roost.core.router import Router
from roost.features.availability import ClientPresence
from roost.protocol.envelope import decode_entry
from roost.protocol.errors import StanzaError
from roost.protocol.framing import Framer
from roost.protocol.jid import Jid
from roost.protocol.restricted import Limits

OPEN = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
TO_NURSE = b"<presence to='nurse@example.net' type='unavailable'/>"


class Session:
    jid = Jid.parse("romeo@example.net/orchard")
    sid = "sid"

    def __init__(self):
        self.priority = None
        self.presence = b""
        self.out = []
        self.drains = 0
        self.directed = None
        self.notices = []

    def write(self, data):
        self.out.append(data)

    def drain(self):
        self.drains += 1

    def told(self, verb, argument):
        self.notices.append((verb, argument))


class World:
    def __init__(self, *, known=1, posted=0, directed=1000):
        self.session = Session()
        self.noted = []
        self.posts = []
        self.known = known
        self.posted = posted
        ports = self
        self.feature = ClientPresence(ports, ports, Router(None, frozenset({"example.net"}), None), directed)

    def available(self, jid, sid, priority, presence, done):
        self.noted.append(("available", priority))
        done(self.known)

    def unavailable(self, jid, sid, done):
        self.noted.append(("unavailable",))
        done(self.known)

    def directed(self, jid, sid, to, done, *, available):
        self.noted.append(("directed", to, available))
        done(self.known)

    def post(self, key, entry, done):
        assert key == "romeo@example.net"
        self.posts.append(decode_entry(entry))
        done(self.posted)

    def receive(self, raw):
        framer = Framer(Limits())
        framer.feed(OPEN)
        [stanza] = framer.feed(raw)
        stamped = raw.replace(b"<presence", b"<presence from='romeo@example.net/orchard'", 1)
        self.feature.stanza(self.session, stanza, stamped)

    def said(self):
        return [(post.verb, post.extra) for post in self.posts]


def test_the_first_presence_and_later_ones():
    world = World()
    world.receive(b"<presence><priority> 5 </priority></presence>")
    world.receive(b"<presence><show>away</show><priority>-1</priority></presence>")
    assert world.said() == [("available", "first"), ("available", "-")]
    assert world.noted == [("available", 5), ("available", -1)]
    assert world.session.priority == -1
    assert b"<show>away</show>" in world.session.presence


def test_what_waits_is_fetched_whenever_the_session_can_take_it_again():
    world = World()
    for priority in (0, 1, -1, 0):
        world.receive(f"<presence><priority>{priority}</priority></presence>".encode())
    assert world.session.drains == 2


def test_goodbye_is_said_once():
    world = World()
    world.receive(b"<presence type='unavailable'/>")
    assert world.posts == []
    world.receive(b"<presence/>")
    world.receive(b"<presence type='unavailable'/>")
    world.receive(b"<presence type='unavailable'/>")
    assert [verb for verb, _extra in world.said()] == ["available", "unavailable"]
    assert world.session.priority is None


def test_directed_presence_is_remembered():
    world = World()
    world.receive(b"<presence to='juliet@example.net/balcony'/>")
    world.receive(b"<presence to='juliet@example.net/balcony' type='unavailable'/>")
    assert world.noted == [
        ("directed", "juliet@example.net/balcony", True),
        ("directed", "juliet@example.net/balcony", False),
    ]
    assert [verb for verb, _extra in world.said()] == ["directed", "directed"]


def test_an_error_takes_nobody_off_the_list():
    world = World()
    world.receive(b"<presence to='juliet@example.net/balcony'/>")
    world.receive(b"<presence to='juliet@example.net/balcony' type='error'/>")
    assert world.noted == [("directed", "juliet@example.net/balcony", True)]


def test_directed_presence_goes_to_a_bounded_number_of_addresses():
    """RFC 6121 section 4.6.3: the server keeps a list of them; everyone on it hears of the session's end."""
    world = World(directed=2)
    for to in ("juliet", "nurse", "juliet"):  # whoever is on the list may hear more
        world.receive(f"<presence to='{to}@example.net'/>".encode())
    before = [*world.noted], [*world.posts]
    with pytest.raises(StanzaError) as error:
        world.receive(b"<presence to='tybalt@example.net'/>")
    assert (error.value.condition, error.value.type) == ("policy-violation", "wait")
    assert (world.noted, world.posts) == before
    assert told(world.feature, "drops") == {"directed-per-session": 1}


@pytest.mark.parametrize("way_out", [b"<presence type='unavailable'/>", TO_NURSE])
def test_there_is_room_again_for_directed_presence(way_out):
    world = World(directed=1)
    world.receive(b"<presence/>")
    world.receive(b"<presence to='nurse@example.net'/>")
    world.receive(b"<presence to='tybalt@example.net' type='unavailable'/>")
    with pytest.raises(StanzaError):
        world.receive(b"<presence to='juliet@example.net'/>")
    world.receive(way_out)
    world.receive(b"<presence to='juliet@example.net'/>")
    assert world.noted[-1] == ("directed", "juliet@example.net", True)


@pytest.mark.parametrize("verb", ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe"])
def test_subscriptions_go_from_bare_jid_to_bare_jid(verb):
    """RFC 6121 section 3.1.2, whatever the client wrote."""
    world = World()
    world.receive(f"<presence to='Juliet@example.net/balcony' type='{verb}'><x/></presence>".encode())
    assert world.said()[0][0] == verb
    assert (
        world.posts[0].raw
        == (
            f"<presence from='romeo@example.net' to='juliet@example.net' type='{verb}'><x/></presence>"
        ).encode()
    )


@pytest.mark.parametrize(
    ("raw", "condition"),
    [
        (b"<presence type='here'/>", "bad-request"),
        (b"<presence type='subscribe'/>", "bad-request"),
        (b"<presence><priority>high</priority></presence>", "bad-request"),
        (b"<presence><priority>128</priority></presence>", "bad-request"),
        (b"<presence><priority>1_0</priority></presence>", "bad-request"),
        (b"<presence><priority>" + b"0" * 5000 + b"</priority></presence>", "bad-request"),
        ("<presence><priority>\N{ARABIC-INDIC DIGIT FIVE}</priority></presence>".encode(), "bad-request"),
        (b"<presence to='@'/>", "jid-malformed"),
        (b"<presence to='someone@elsewhere.example'/>", "remote-server-not-found"),
    ],
)
def test_what_is_refused(raw, condition):
    world = World()
    with pytest.raises(StanzaError) as error:
        world.receive(raw)
    assert error.value.condition == condition
    assert world.posts == []


def test_presence_for_the_server_itself_is_nobodys():
    world = World()
    world.receive(b"<presence to='example.net'/>")
    assert (world.posts, world.noted) == ([], [])


def test_a_session_the_registry_does_not_know_is_closed():
    world = World(known=0)
    world.receive(b"<presence/>")
    assert world.session.notices == [("close", "reset")]


def test_the_client_hears_when_the_service_cannot_be_reached():
    world = World(posted=BusUnavailable())
    world.receive(b"<presence/>")
    assert b"resource-constraint" in world.session.out[0]


def test_an_available_session_can_be_announced_again():
    world = World()
    world.feature.announce_again(world.session)
    assert world.posts == []
    world.receive(b"<presence><show>away</show></presence>")
    world.feature.announce_again(world.session)
    assert b"<show>away</show>" in world.posts[1].raw
