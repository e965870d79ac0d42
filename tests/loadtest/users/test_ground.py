import gevent
from loadtest.delivery.ledger import LOST, MESSAGE, Claim


def test_what_the_server_can_do_is_asked_once(ground, neighbours):
    session = neighbours[0].device.session
    found = ground.features(session)
    assert "urn:xmpp:ping" in found
    assert ground.features(None) is found


def test_the_end_waits_for_what_is_under_way(ground, neighbours, reported):
    romeo, _ = neighbours
    romeo.voice.say(romeo.device, romeo.contact, "load0")
    with gevent.Timeout(ground.settings.deadline):
        ground.settle()
    assert ground.quiet
    assert (MESSAGE, None) in reported.requests


def test_what_has_not_come_at_the_end_is_lost(ground, neighbours, reported):
    ground.ledger.claim(Claim(MESSAGE, neighbours[0].device.address, "nobody", 1, 1000.0))
    reported.until(MESSAGE, LOST)
