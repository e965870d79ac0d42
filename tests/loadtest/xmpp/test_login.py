import pytest
from loadtest.xmpp.key_cache import KeyCache
from loadtest.xmpp.login import Account, enter, register
from loadtest.xmpp.place import Refused
from loadtest.xmpp.session import Session


@pytest.mark.parametrize("way", [0, 1], ids=["STARTTLS", "direct TLS"])
def test_a_login_leads_to_the_resource_that_was_asked_for(somewhere, somebody, way):
    account = somebody()
    entry = enter(somewhere, somewhere.address(way), account, "phone", KeyCache())
    assert entry.jid == f"{account.name}@{somewhere.domain}/phone"
    assert not entry.resumed
    entry.stream.close()


def test_a_second_login_derives_no_keys(somewhere, somebody):
    account, cache = somebody(), KeyCache()
    for number in range(2):
        enter(somewhere, somewhere.address(number), account, "phone", cache).stream.close()
    assert cache.derived == 1


def test_a_wrong_password_is_refused(somewhere, somebody):
    account = Account(somebody().name, "deny thy father")
    with pytest.raises(Refused, match="not-authorized"):
        enter(somewhere, somewhere.address(0), account, "phone", KeyCache())


def test_an_account_that_exists_may_be_registered_again(somewhere, somebody):
    account = somebody()
    register(somewhere, somewhere.address(1), account)
    with pytest.raises(Refused, match="not-acceptable"):
        register(somewhere, somewhere.address(1), Account("", "wherefore"))


def test_a_server_that_does_not_know_the_password_is_refused(managed):
    managed.impostor = True
    with pytest.raises(Refused, match="does not know the password"):
        enter(managed.place, managed.place.address(0), managed.account, "phone", KeyCache())


# --- XEP-0198, with a server of the test's own ---


def arrive(managed, before=None):
    entry = enter(managed.place, managed.place.address(0), managed.account, "load0", KeyCache(), before)
    return entry, managed.next()


def listening(entry):
    heard, ended = [], []
    return Session(entry, entry.jid, heard.append, ended.append, 5), heard, ended


def test_a_session_is_resumed_and_what_was_not_acknowledged_comes_again(managed):
    entry, peer = arrive(managed)
    session, _heard, _ended = listening(entry)
    for number in range(3):
        session.send(b"<message id='%d'/>" % number)
    peer.read_until("<message id='2'/>")
    session.cut()
    managed.answer = "<resumed xmlns='urn:xmpp:sm:3' h='1' previd='some-id'/>"
    entry, peer = arrive(managed, session.acknowledgements)
    assert entry.resumed
    assert "previd='some-id'" in managed.asked[-1]
    listening(entry)
    assert peer.read_until("<message id='2'/>").count("<message") == 2


def test_a_session_that_cannot_be_resumed_becomes_a_new_one_and_sends_messages_again(managed):
    entry, peer = arrive(managed)
    session, _heard, _ended = listening(entry)
    session.send(b"<message id='0'/>")
    session.send(b"<presence/>")
    session.send(b"<message id='1'/>")
    peer.read_until("<message id='1'/>")
    session.cut()
    managed.answer = "<failed xmlns='urn:xmpp:sm:3' h='1'/>"
    entry, peer = arrive(managed, session.acknowledgements)
    assert not entry.resumed
    session, _heard, _ended = listening(entry)
    again = peer.read_until("<message id='1'/>")
    assert "<presence/>" not in again
    assert "id='0'" not in again
    assert session.acknowledgements is not None
    assert session.acknowledgements.again() == [b"<message id='1'/>"]
