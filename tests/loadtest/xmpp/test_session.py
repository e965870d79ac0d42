import gevent
import pytest
from gevent.event import Event
from gevent.queue import Queue
from loadtest.xmpp.key_cache import KeyCache
from loadtest.xmpp.login import enter
from loadtest.xmpp.place import Disconnected, Refused
from loadtest.xmpp.session import Session

SECONDS = 10


class Human:
    """Logs in and notes what comes."""

    def __init__(self, place, account, way=0, resource="phone"):
        self.heard, self.end, self.reason = Queue(), Event(), ""
        entry = enter(place, place.address(way), account, resource, KeyCache())
        self.session = Session(entry, entry.jid, self.heard.put, self.note_end, SECONDS)
        self.jid = entry.jid

    def note_end(self, reason):
        self.reason = reason
        self.end.set()

    def expect(self, wanted):
        with gevent.Timeout(SECONDS):
            while True:
                stanza = self.heard.get()
                if wanted(stanza):
                    return stanza


@pytest.fixture
def people(somewhere, somebody):
    made = [Human(somewhere, somebody(), way) for way in (0, 1)]
    yield made
    for one in made:
        one.session.close()


def test_messages_and_presence_cross_pods(people):
    romeo, juliet = people
    for one in people:
        one.session.send(b"<presence/>")
        one.expect(lambda stanza, jid=one.jid: stanza.sender == jid)
    romeo.session.send(f"<message to='{juliet.jid}' id='m1'><body>hark</body></message>".encode())
    assert juliet.expect(lambda stanza: stanza.id == "m1").sender == romeo.jid
    juliet.session.send(f"<presence to='{romeo.jid}' id='p1'/>".encode())
    assert romeo.expect(lambda stanza: stanza.id == "p1").kind == "presence"


def test_questions_are_answered_or_refused(people):
    romeo, _ = people
    answer = romeo.session.ask("get", "<query xmlns='jabber:iq:roster'/>")
    assert answer.type == "result"
    with pytest.raises(Refused, match="service-unavailable"):
        romeo.session.ask("get", "<query xmlns='urn:example:nothing'/>")


def test_the_server_can_ask_us_too(people):
    romeo, juliet = people
    ping = f"<iq type='get' id='x1' to='{romeo.jid}'><ping xmlns='urn:xmpp:ping'/></iq>"
    with pytest.raises(Refused, match="service-unavailable"):
        juliet.session.ask("get", "<query xmlns='urn:example:nothing'/>", to=romeo.jid)
    juliet.session.send(ping.encode())
    juliet.session.ask("get", "<ping xmlns='urn:xmpp:ping'/>", to=romeo.jid)


def test_a_roster_push_is_told_and_answered(people):
    romeo, _ = people
    romeo.session.ask("get", "<query xmlns='jabber:iq:roster'/>")
    item = "<query xmlns='jabber:iq:roster'><item jid='nurse@example.test'/></query>"
    romeo.session.ask("set", item)
    assert romeo.expect(lambda stanza: stanza.kind == "iq").type == "set"


def test_the_end_by_the_server_is_told_with_its_reason(somewhere, somebody, people):
    account = somebody()
    first = Human(somewhere, account)
    second = Human(somewhere, account, way=1)  # the same resource: the first has to go
    assert first.end.wait(SECONDS)
    assert first.reason == "conflict"
    assert not first.session.alive
    with pytest.raises(Disconnected):
        first.session.ask("get", "<ping xmlns='urn:xmpp:ping'/>")
    second.session.close()


def test_one_can_reconnect_after_a_cut(somewhere, somebody):
    account = somebody()
    for way in (0, 1, 0):
        human = Human(somewhere, account, way)
        human.session.cut()
        assert not human.end.is_set()  # it was ours


# --- XEP-0198, with a server of the test's own ---


def test_stanzas_are_counted_and_acknowledged_both_ways(managed):
    human = Human(managed.place, managed.account)
    peer = managed.next()
    human.session.send(b"<message id='1'/>")
    assert peer.read_until("/>") == "<message id='1'/>"
    assert peer.read_until("/>") == "<r xmlns='urn:xmpp:sm:3'/>"
    peer.send("<message id='2'/><a xmlns='urn:xmpp:sm:3' h='1'/><r xmlns='urn:xmpp:sm:3'/>")
    assert " h='1'" in peer.read_until("/>")
    assert human.expect(lambda stanza: stanza.id == "2")
    assert human.session.acknowledgements.again() == []


def test_a_server_that_acknowledges_too_much_is_left(managed):
    human = Human(managed.place, managed.account)
    managed.next().send("<a xmlns='urn:xmpp:sm:3' h='7'/>")
    assert human.end.wait(SECONDS)
    assert "7 stanzas acknowledged" in human.reason
