"""One client stream with all that stands behind it in memory: the wire, Redis and PostgreSQL are played."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree

from roost.core.authentication import Authenticator, LoginLimits
from roost.core.binding import Binder
from roost.core.features import Feature
from roost.core.iq import IqDispatcher
from roost.core.offers import Offers, StreamRules
from roost.core.ports import Bound
from roost.core.router import Router
from roost.core.session import LocalSessions, SessionServices
from roost.core.stream import ClientStream, StreamServices
from roost.core.traffic import Traffic
from roost.protocol import namespaces as ns
from roost.protocol.envelope import decode_entry
from roost.protocol.errors import StanzaError
from roost.protocol.restricted import Limits
from roost.protocol.scram import derive_all
from roost.protocol.xml import element

DOMAIN = "example.net"
OPEN = f"<stream:stream to='{DOMAIN}' xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' version='1.0'>"
STARTTLS = f"<starttls xmlns='{ns.TLS}'/>"
BIND = f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'><resource>orchard</resource></bind></iq>"
REGISTER = f"<iq type='get' id='r'><query xmlns='{ns.REGISTER}'/></iq>"
KEYS = derive_all(b"secret", 4096)
EXECUTOR = ThreadPoolExecutor(1)
ATTEMPTS = 3


def auth(password="secret", name="romeo"):
    token = b64encode(f"\0{name}\0{password}".encode()).decode()
    return f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>{token}</auth>"


class Wire:
    """What is written to the client, and what is asked of its connection."""

    peer = "192.0.2.1"
    writable = flushed = True
    tls_version = "TLSv1.3"

    def __init__(self, *, secure):
        self.secure = secure
        self.wrote = asyncio.Event()
        self.out = []
        self.closed = 0
        self.logins = 0
        self.handshake = None

    def channel_bindings(self):
        return {"tls-server-end-point": b"x"} if self.secure else {}

    def write(self, data):
        assert not self.closed, f"{data!r} behind the end"
        self.out.append(data)
        self.wrote.set()

    def bound(self):
        pass

    def logged_in(self):
        self.logins += 1

    async def start_tls(self):
        if self.handshake is not None:
            await self.handshake()
        self.secure = True

    def close(self):
        self.closed += 1


class Cluster:
    """Redis and PostgreSQL as the rules see them: one account, and whatever trouble there is."""

    def __init__(self):
        self.trouble = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.bound = Bound(True, None)
        self.done = []
        self.ended = []
        self.sent = []
        self.resumed = 0
        self.under_way = False

    async def _pass(self, what):
        self.done.append(what)
        self.asked.set()
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble

    # Accounts and RateLimit

    async def keys(self, bare):
        await self._pass("keys")
        return KEYS if bare == f"romeo@{DOMAIN}" else []

    async def secret(self):
        return b"s" * 32

    async def take(self, name, limit, seconds):
        return True

    async def allowed(self, *limits):
        return True

    # SessionRegistry, Carrier and Carried

    async def bind(self, jid, sid, pod, state="", presence=b""):
        await self._pass("bind")
        return self.bound

    async def end(self, jid, sid):
        return True

    def attach(self, bare, sid, sink):
        return self

    def detach(self, sid):
        pass

    def trim(self):
        return not self.under_way

    def resume(self):
        self.resumed += 1

    # ServiceStream and Bus

    async def append(self, key, entry):
        self.ended.append(decode_entry(entry).extra)

    def deliver(self, bare, choices, resource, stanza, done, *, store):
        self.sent.append(stanza)


class Letters(Feature):
    """A feature that has something to say in the stream features."""

    def stream_features(self):
        yield element("letters", "urn:letters")


class Scene:
    """One stream and all that stands behind it."""

    def __init__(self, *, secure=False, tls_required=False, tls_available=True, registration=True):
        self.cluster = cluster = Cluster()
        self.wire = Wire(secure=secure)
        self.tasks = set()
        self.bugs = []
        self.counts = []
        self.sessions = LocalSessions()
        shared = SessionServices(
            router=Router(cluster, frozenset({DOMAIN}), lambda _message: None),
            iqs=IqDispatcher([], self.bug),
            availability=self,
            drain=None,
            spawn=self.spawn,
            close=lambda session, error: self.stream.fail(error),
            traffic=Traffic(),
        )
        rules = StreamRules(
            domains=frozenset({DOMAIN}),
            tls_required=tls_required,
            tls_available=tls_available,
            before=Limits(stanza_bytes=1000),
            after=Limits(stanza_bytes=5000),
            idle_seconds=60,
            close_seconds=5,
            login_attempts=ATTEMPTS,
        )
        authenticator = Authenticator(
            cluster, EXECUTOR, cluster, iterations=4096, limits=LoginLimits(100, 100)
        )
        services = StreamServices(
            rules=rules,
            authenticator=authenticator,
            binder=Binder("pod", cluster, cluster, cluster, self.sessions, shared),
            offers=Offers(rules, authenticator, (Letters(),), registration=registration),
            register=self.register if registration else None,
            spawn=self.spawn,
            on_bug=self.bug,
            count=lambda *what: self.counts.append(what),
        )
        self.stream = ClientStream(self.wire, services)

    def spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def bug(self, where, error):
        self.bugs.append((where, error))

    def stanza(self, session, stanza, stamped):
        """Presence: a mistake of ours is in one kind of it."""
        if stanza.type == "bug":
            raise ZeroDivisionError("what the client must not read")

    async def register(self, type, query, domain):
        await self.cluster._pass("register")
        if type != "get":
            raise StanzaError("conflict")
        return element("query", ns.REGISTER, None, element("username", ns.REGISTER))

    # --- the client's side ---

    def say(self, *text):
        """Bytes of the client's that arrive together."""
        self.stream.received("".join(text).encode())

    async def begin(self, *text):
        """Say what needs the cluster, which does not answer until its gate is opened."""
        self.cluster.asked.clear()
        self.cluster.gate.clear()
        self.say(*text)
        await self.cluster.asked.wait()

    async def heard(self):
        """What the client was told, once all that is going on has been done; and forget it."""
        while self.tasks:
            await asyncio.wait(self.tasks)
        return self.said()

    def said(self):
        """What the client was told by now; and forget it."""
        out, self.wire.out = b"".join(self.wire.out).decode(), []
        return out

    async def ask(self, *text):
        self.say(*text)
        return await self.heard()

    async def fails(self, *text):
        """The stream error that these bytes end in."""
        return condition(await self.ask(*text))

    # --- how far a stream has come ---

    async def opened(self):
        await self.ask(OPEN)
        return self

    async def exchanging(self):
        await self.opened()
        said = await self.ask(
            f"<auth xmlns='{ns.SASL}' mechanism='SCRAM-SHA-256'>biwsbj1yb21lbyxyPWFiYw==</auth>"
        )
        assert "<challenge" in said
        return self

    async def authenticated(self):
        await self.opened()
        assert "<success" in await self.ask(auth())
        await self.ask(OPEN)
        return self

    async def session(self):
        await self.authenticated()
        assert "<jid>romeo@example.net/orchard</jid>" in await self.ask(BIND)
        return self


PHASES = [Scene.opened, Scene.exchanging, Scene.authenticated, Scene.session]


def condition(said):
    """The error at the end of what a client was told, after which there is nothing but the closing tag."""
    found = re.search(r"<stream:error><([a-z-]+) xmlns='urn:ietf:params:xml:ns:xmpp-streams'", said)
    assert found is not None, said
    assert said.endswith("</stream:error></stream:stream>")
    return found[1]


def offered(said):
    """Our stream header, and the features by name."""
    tree = ElementTree.fromstring(said + "</stream:stream>")
    [features] = tree
    return tree, {feature.tag.rpartition("}")[2]: feature for feature in features}
