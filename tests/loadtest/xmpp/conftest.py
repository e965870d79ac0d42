"""A server of one account that has XEP-0198, for what the client does with it; the test writes the rest."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

import gevent
import pytest
from gevent import ssl
from gevent.event import Event
from gevent.queue import Queue
from gevent.server import StreamServer
from loadtest.xmpp.login import Account
from loadtest.xmpp.place import place

from roost.protocol.scram import ScramServer, derive
from roost.roles.up.certificates import provide

_HEADER = (
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
    "<stream:features>%s</stream:features>"
)
_MECHANISM = "SCRAM-SHA-256"
_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
_AFTER_LOGIN = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"
_SECONDS = 10


class Peer:
    """One connection that has logged in."""

    def __init__(self, connection) -> None:
        self._connection = connection
        self._read = ""
        self.done = Event()

    def read_until(self, end: str) -> str:
        """What comes, up to and with `end`."""
        with gevent.Timeout(_SECONDS):
            while end not in self._read:
                data = self._connection.recv(4096)
                assert data, f"cut off before {end}: {self._read}"
                self._read += data.decode()
        found, _, self._read = self._read.partition(end)
        return found + end

    def send(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def cut(self) -> None:
        """Lose the connection."""
        self.done.set()


class ManagedServer:
    """Takes logins of one account; `peers` are those that are through, with what each `asked` for then."""

    def __init__(self, folder) -> None:
        files = provide(folder, "localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        self._listener = StreamServer(("127.0.0.1", 0), self._serve, ssl_context=context)
        self._listener.start()
        address = f"xmpps://127.0.0.1:{self._listener.server_port}"
        self.place = place(address, "localhost", str(files.authority))
        self.account = Account("romeo", "wherefore")
        self.peers: Queue = Queue()
        self.asked: list[str] = []
        self.impostor = False
        """It does not know the password."""
        self.answer = "<resumed xmlns='urn:xmpp:sm:3' h='0' previd='some-id'/>"
        """To who wants to resume."""

    def next(self) -> Peer:
        """The next one that is through."""
        return self.peers.get(timeout=_SECONDS)

    def stop(self) -> None:
        self._listener.stop()

    def _serve(self, connection, _address) -> None:
        peer = Peer(connection)
        self._authenticate(peer)
        peer.read_until("version='1.0'>")
        peer.send(_HEADER % _AFTER_LOGIN)
        self.asked.append(peer.read_until(">"))
        if self.asked[-1].startswith("<resume"):
            peer.send(self.answer)
            if self.answer.startswith("<failed"):
                peer.read_until("<iq")
                self._bind(peer)
        else:
            self._bind(peer)
        self.peers.put(peer)
        peer.done.wait()

    @staticmethod
    def _bind(peer: Peer) -> None:
        peer.read_until("</iq>")
        jid = "<jid>romeo@localhost/load0</jid>"
        bound = f"<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>{jid}</bind>"
        peer.send(f"<iq type='result' id='first'>{bound}</iq>")
        peer.read_until("/>")
        peer.send("<enabled xmlns='urn:xmpp:sm:3' id='some-id' resume='true'/>")

    def _authenticate(self, peer: Peer) -> None:
        peer.read_until("version='1.0'>")
        mechanisms = f"<mechanisms xmlns='{_SASL}'><mechanism>{_MECHANISM}</mechanism></mechanisms>"
        peer.send(_HEADER % mechanisms)
        scram = ScramServer(_MECHANISM, {}, plus_offered=False)
        scram.first(_said(peer.read_until("</auth>")))
        challenge = scram.challenge(derive(_MECHANISM, self.account.password.encode(), b"salt", 4096))
        peer.send(f"<challenge xmlns='{_SASL}'>{b64encode(challenge).decode()}</challenge>")
        final = scram.final(_said(peer.read_until("</response>")))
        if self.impostor:
            final = b"v=bm90IGl0"
        peer.send(f"<success xmlns='{_SASL}'>{b64encode(final).decode()}</success>")


def _said(element: str) -> bytes:
    found = re.search(">([^<]*)</", element)
    assert found is not None
    return b64decode(found[1])


@pytest.fixture
def managed(tmp_path):
    server = ManagedServer(tmp_path)
    yield server
    server.stop()
