import pytest
from gevent import socket
from loadtest.xmpp.place import Disconnected, place
from loadtest.xmpp.stream import Stream, connect

from play.cluster import DOMAIN, Cluster
from roost.protocol.stanza import Stanza

HEADER = (
    b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield Stream(ours, "example.test"), theirs
    ours.close()
    theirs.close()


def test_both_ways_to_tls_lead_to_a_stream(somewhere):
    for number in range(2):
        stream = connect(somewhere, somewhere.address(number))
        assert stream.offers("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl")
        stream.close()


def test_a_certificate_of_somebody_else_is_refused(live: Cluster):
    for scheme, port in (("xmpp", live.pods[0].starttls_port), ("xmpps", live.pods[0].direct_tls_port)):
        strict = place(f"{scheme}://127.0.0.1:{port}", DOMAIN)
        with pytest.raises(Disconnected, match=r"(?i)verif"):
            connect(strict, strict.address(0))


def test_nobody_listens():
    nowhere = place("xmpp://127.0.0.1:1", DOMAIN)
    with pytest.raises(Disconnected, match="refused"):
        connect(nowhere, nowhere.address(0))


def test_stanzas_come_whole_whatever_the_pieces(pair):
    stream, server = pair
    for piece in (
        HEADER,
        b"<message id='1'><bo",
        b"dy>hello</body></mess",
        b"age><message id='2'/><r xmlns='urn:x'/>",
    ):
        server.sendall(piece)
    received = [stream.receive() for _ in range(3)]
    assert [one.id for one in received if isinstance(one, Stanza)] == ["1", "2"]
    assert received[2].name == "urn:x}r"


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (b"</stream:stream>", "closed by the server"),
        (b"", "cut off by the server"),
        (b"<open", "cut off by the server"),
        (b"<<", "not XMPP"),
        (
            b"<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "system-shutdown",
        ),
    ],
)
def test_an_end_has_a_reason(pair, last, reason):
    stream, server = pair
    server.sendall(HEADER + last)
    server.close()
    with pytest.raises(Disconnected, match=reason):
        stream.receive()


def test_a_closed_stream_says_goodbye_and_a_cut_one_does_not(pair):
    stream, server = pair
    stream.close()
    assert server.recv(100) == b"</stream:stream>"
    assert server.recv(100) == b""
