"""Lines about streams: what each says, and to whom it happened."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import structlog

from lines import captured
from roost.core import journal
from roost.protocol.errors import StreamError
from roost.protocol.framing import Framer
from roost.protocol.jid import Jid
from roost.protocol.restricted import Limits

ROMEO = Jid.parse("romeo@example.net/orchard")
WIRE = SimpleNamespace(peer="192.0.2.1", tls_version="TLSv1.3")
STREAM = b"<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' version='1.0'>"
SESSION = SimpleNamespace(jid=ROMEO, sid="s1", wire=WIRE, since=0.0)


@pytest.fixture
def lines():
    with captured() as found:
        yield found


def exchange(candidate):
    return SimpleNamespace(candidate=candidate, mechanism="SCRAM-SHA-256")


def test_a_login(lines):
    journal.login(exchange(ROMEO.bare_jid()), WIRE)
    assert lines == [
        {
            "event": "login",
            "log_level": "info",
            "jid": "romeo@example.net",
            "mechanism": "SCRAM-SHA-256",
            "address": "192.0.2.1",
            "tls": "TLSv1.3",
        }
    ]


@pytest.mark.parametrize(
    ("tried", "known"),
    [
        (None, {}),
        (exchange(None), {"mechanism": "SCRAM-SHA-256"}),
        (exchange(ROMEO.bare_jid()), {"mechanism": "SCRAM-SHA-256", "jid": "romeo@example.net"}),
    ],
)
def test_a_failed_login_says_what_is_known(lines, tried, known):
    journal.login_failed("not-authorized", tried, WIRE)
    [line] = lines
    assert line.items() >= {"event": "login failed", "condition": "not-authorized", **known}.items()
    assert {"mechanism", "jid"} & line.keys() == known.keys()


@pytest.mark.parametrize(
    ("account", "session", "known"),
    [
        (None, None, {}),
        (ROMEO.bare_jid(), None, {"jid": "romeo@example.net"}),
        (ROMEO.bare_jid(), SESSION, {"jid": ROMEO.full, "sid": "s1"}),
    ],
)
def test_a_stream_error_says_to_whom(lines, account, session, known):
    journal.stream_error(StreamError("policy-violation", "the client does not read"), account, session, WIRE)
    journal.stream_error(StreamError("reset"), account, session, WIRE)
    first, second = lines
    assert first.items() >= {"condition": "policy-violation", "text": "the client does not read"}.items()
    assert "text" not in second
    for line in lines:
        assert {name: line[name] for name in ("jid", "sid") if name in line} == known


def test_a_session_from_its_begin_to_its_end(lines):
    journal.session_bound(SESSION)
    journal.session_replaced(ROMEO, "s2", "s1")
    journal.session_ended(SESSION, "conflict")
    bound, replaced, ended = lines
    assert {line["jid"] for line in lines} == {ROMEO.full}
    assert (bound["sid"], replaced["sid"], replaced["old_sid"], ended["sid"]) == ("s1", "s2", "s1", "s1")
    assert ended["reason"] == "conflict"
    assert ended["seconds"] > 0


@pytest.mark.parametrize(
    ("account", "session", "known"),
    [
        (None, None, {}),
        (ROMEO.bare_jid(), None, {"jid": "romeo@example.net"}),
        (ROMEO.bare_jid(), SESSION, {"jid": ROMEO.full, "sid": "s1", "stanza": "m1"}),
    ],
)
def test_a_fault_says_whom_it_hit(account, session, known):
    _header, stanza = Framer(Limits(10_000, 50, 100)).feed(STREAM + b"<message id='m1'/>")
    with journal.concerning(account, session, stanza if session else None):
        assert structlog.contextvars.get_contextvars() == known
    assert structlog.contextvars.get_contextvars() == {}
