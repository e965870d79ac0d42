import gevent
from loadtest.delivery.ledger import MESSAGE, RETURNED, TWICE
from loadtest.delivery.stamp import Stamp, between
from loadtest.users.hearing import CARBON

from roost.protocol.stanza import Stanza


def test_a_request_for_presence_is_granted_and_asked_back(neighbours):
    for one in neighbours:
        assert one.contact.resources == {"load0"}


def test_a_contact_that_leaves_is_gone(neighbours):
    romeo, juliet = neighbours
    juliet.device.leave()
    with gevent.Timeout(10):
        while romeo.contact.resources:
            gevent.sleep(0.01)  # a set cannot be waited for


def test_what_comes_again_is_a_failure(neighbours, reported):
    romeo, juliet = neighbours
    stamp = Stamp(between("somebody", "load0", "load0"), 1, 1000.0)
    for _ in range(2):
        romeo.device.send(f"<message to='{romeo.contact.jid}/load0' id='{stamp.id()}'/>")
    reported.until(MESSAGE, TWICE)
    assert juliet.device.connected


def test_a_message_that_is_returned_is_told_and_not_lost(ground, neighbours, reported):
    romeo, _ = neighbours
    romeo.contact.jid = "nobody@example.test"
    romeo.contacts._by_jid["nobody@example.test"] = romeo.contact
    romeo.voice.say(romeo.device, romeo.contact, "load0")
    reported.until(RETURNED, "service-unavailable")
    assert ground.ledger.open() == 0


def test_carbons_are_measured(neighbours, reported):
    romeo, _ = neighbours
    stamp = Stamp("somebody", 1, 1000.0)
    raw = (
        "<message><received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
        f"<message xmlns='jabber:client' id='{stamp.id()}'/></forwarded></received></message>"
    )
    carbon = Stanza("message", raw.encode(), payload="urn:xmpp:carbons:2}received")
    romeo.device._hear(romeo.device, carbon)
    assert (CARBON, None) in reported.requests
