import pytest
from loadtest.users.device import LOGIN, RECONNECT, Device
from loadtest.xmpp.login import Account


@pytest.fixture
def device(ground, somebody, neighbours):
    return neighbours[0].device


def test_logins_are_reported(device, reported):
    assert (LOGIN, None) in reported.requests
    assert device.connected


def test_a_wrong_password_is_reported_with_the_servers_word(ground, somebody, reported):
    stranger = Device(ground, Account(somebody().name, "deny"), 0, 0, lambda *_: None, None)
    assert not stranger.enter()
    assert (LOGIN, "not-authorized") in reported.requests
    assert not stranger.connected
    assert not stranger.broken


def test_a_lost_connection_is_noticed_and_made_anew(ground, neighbours, reported):
    romeo, _ = neighbours
    other = Device(ground, romeo.account, 1, 0, lambda *_: None, romeo.broke)
    assert other.enter()  # the same resource: the first has to go
    assert romeo.broke.wait(10)
    assert romeo.device.broken
    other.leave()
    romeo.device.insist(RECONNECT)
    assert (RECONNECT, None) in reported.requests
    assert romeo.device.connected


def test_nothing_can_be_sent_after_a_cut(device):
    device.cut()
    assert not device.send("<presence/>")
    assert not device.broken  # we wanted it
