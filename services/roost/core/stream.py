"""One client stream, from its first byte to its last: negotiation, then a session."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from roost.core import journal
from roost.core.authentication import Authenticator, Exchange
from roost.core.binding import Binder
from roost.core.offers import Offers, StreamRules
from roost.core.parting import Parting
from roost.core.ports import BusUnavailable, Carried, StoreUnavailable
from roost.core.session import Session
from roost.core.wire import Wire
from roost.protocol import namespaces as ns
from roost.protocol import stream as says
from roost.protocol.errors import JidMalformed, SaslFailure, StanzaError, StreamError
from roost.protocol.framing import (
    Event,
    Framer,
    Nonza,
    StreamEnd,
    StreamFailure,
    StreamHeader,
)
from roost.protocol.jid import Jid, prepare_domain
from roost.protocol.negotiation import Phase, Step, step
from roost.protocol.sasl import Challenge, Success
from roost.protocol.stanza import Stanza, error_reply, iq_result
from roost.protocol.xml import Element, element, serialise
from roost.runtime.figures import Count

_HELD = 100  # events that may wait while a step of the negotiation is under way

OnBug = Callable[[str, Exception], None]


@dataclass(frozen=True, slots=True)
class StreamServices:
    """What all streams of a connection manager share."""

    rules: StreamRules
    authenticator: Authenticator
    binder: Binder
    offers: Offers
    register: Callable[[str, Element, str], Coroutine[Any, Any, Element | None]] | None
    """Answers an iq of in-band registration before a login (XEP-0077), given its type, query and the
    stream's domain; None when closed."""
    spawn: Callable[[Coroutine[Any, Any, None]], Any]
    """Runs a coroutine under the connection manager's care."""
    on_bug: OnBug
    count: Count


class ClientStream:
    """What one connection's bytes mean. The connection calls `received`, `lost` and `timed_out`."""

    __slots__ = (
        "_account", "_busy", "_carried", "_closed", "_domain", "_exchange", "_failures", "_framer", "_held",
        "_lang", "_opened", "_phase", "_services", "parting", "session", "wire",
    )  # fmt: skip

    def __init__(self, wire: Wire, services: StreamServices) -> None:
        self.wire = wire
        self.session: Session | None = None
        self.parting: Parting | None = None
        self._services = services
        self._framer = Framer(services.rules.before)
        self._phase = Phase.PLAIN if services.rules.tls_required else Phase.SECURE
        if wire.secure:
            self._phase = Phase.SECURE
        self._opened = False
        self._closed = False
        self._busy = False
        self._held: list[Event] = []
        self._exchange: Exchange | None = None
        self._failures = 0
        self._account: Jid | None = None
        self._carried: Carried | None = None
        self._domain = ""
        self._lang: str | None = None

    # --- what the connection says ---

    @property
    def authenticated(self) -> bool:
        """Whether the client has logged in."""
        return self._account is not None

    def received(self, data: bytes) -> None:
        """Handle bytes of the client's."""
        session = self.session
        event: Event | None = None
        try:
            for event in self._framer.feed(data):
                if session is not None and event.__class__ is Stanza and not self._closed:
                    session.received(event)
                else:
                    self._event(event)
        except StreamError as error:
            self.fail(error)
        except Exception as bug:  # contained to this one stream
            with journal.concerning(self._account, session, event):
                self._services.on_bug("stream", bug)
            self.fail(StreamError("internal-server-error"))

    def reads_again(self) -> None:
        """The client has read what was written."""
        if self._carried is not None:
            self._carried.resume()

    def lost(self) -> None:
        """The connection is gone."""
        self._closed = True
        if self.parting is not None:
            self.parting.lost()
        self._end_session("lost")

    def timed_out(self) -> None:
        """The client has taken too long to log in, or was silent for too long (RFC 6120 section 4.9.3.4)."""
        self.fail(StreamError("connection-timeout"))

    def fail(self, error: StreamError) -> None:
        """End the stream with an error (RFC 6120 section 4.9.1)."""
        if self._closed or self.parting is not None:
            return
        self._end_session(error.condition)  # first: whatever is written next has not arrived yet
        self._say_why(error)
        self.wire.close()

    async def part(self, error: StreamError, seconds: float) -> None:
        """End the stream with an error, and hear the client out, for `seconds` at the most (section 4.4).

        To be awaited once. A client without a session has nothing to lose and is given no time.
        """
        if self.session is None or self._carried is None:
            self.fail(error)
        elif not self._closed:
            self.parting = Parting(self.session, self._carried, self.wire, self._services.binder)
            await self.parting.run(lambda: self._say_why(error), error.condition, seconds)

    def _say_why(self, error: StreamError) -> None:
        """Write the error and the closing tag, behind which nothing follows."""
        if self._closed:
            return
        self._services.count("streams_errors", error.condition)
        journal.stream_error(error, self._account, self.session, self.wire)
        if not self._opened:
            self._open_header()  # section 4.9.1.2: an error in the negotiation comes after our own header
        self.wire.write(says.failure(error) + says.FOOTER)
        self._closed = True

    def _say(self, data: bytes) -> None:
        if not self._closed:  # a step of the negotiation may find that the stream has ended meanwhile
            self.wire.write(data)

    def _end_session(self, reason: str) -> None:
        session = self.session
        if session is not None and not session.ended and self.parting is None:
            self._services.binder.leave(session)
            self._services.spawn(self._services.binder.end(session, reason))

    # --- events, one after another ---

    def _event(self, event: Event) -> None:
        if self.parting is not None:
            self.parting.heard(event)
            return
        if self._closed:
            return
        if self._busy:
            if len(self._held) >= _HELD:
                raise StreamError("policy-violation", "wait for the answer before you go on")
            self._held.append(event)
            return
        if isinstance(event, StreamFailure):
            raise event.error
        if isinstance(event, StreamEnd):
            self._ended_by_client()
        elif isinstance(event, StreamHeader):
            self._header(event)
        else:
            self._element(event)

    def _ended_by_client(self) -> None:
        # RFC 6120 section 4.4: answer the closing tag, then close
        if self.session is not None and self._carried is not None and not self._carried.trim():
            # something is under way, and the client reads on until our closing tag
            self.parting = Parting(self.session, self._carried, self.wire, self._services.binder)
            seconds = self._services.rules.close_seconds
            self._services.spawn(self.parting.run(self._say_end, "closed", seconds, closed=True))
            return
        self._end_session("closed")
        self._say_end()
        self.wire.close()

    def _say_end(self) -> None:
        if self._opened and not self._closed:
            self.wire.write(says.FOOTER)
        self._closed = True

    def _header(self, header: StreamHeader) -> None:
        if header.to is None:
            raise StreamError("improper-addressing", "the stream header names no domain in `to`")
        try:
            self._domain = prepare_domain(header.to)
        except JidMalformed:
            raise StreamError("host-unknown") from None
        if self._domain not in self._services.rules.domains:
            self._domain = ""
            raise StreamError("host-unknown")
        self._lang = header.lang
        self._open_header(says.claimed(header.sender))
        secure, logged_in = self._phase is Phase.SECURE, self._account is not None
        self.wire.write(self._services.offers.at(self.wire, secure=secure, logged_in=logged_in))

    def _open_header(self, to: str = "") -> None:
        self._opened = True
        domain = self._domain or next(iter(self._services.rules.domains))
        self.wire.write(says.header(domain, to))

    def _element(self, received: Stanza | Nonza) -> None:
        asked = step(self._phase, received)
        if asked is Step.STANZA:
            assert self.session is not None
            assert isinstance(received, Stanza)
            self.session.received(received)
        elif asked is Step.ABORT:
            self._exchange = None  # how long that took was the client's choice
            self._sasl_failure(SaslFailure("aborted"))
        elif asked is Step.TLS_FIRST:
            self._sasl_failure(SaslFailure("encryption-required"))
        else:
            self._begin(self._STEPS[asked](self, received))

    # --- steps that take time: what comes meanwhile waits ---

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._busy = True
        self._services.spawn(self._work(work))

    async def _work(self, work: Coroutine[Any, Any, None]) -> None:
        if self._closed:  # before it could begin
            work.close()
            return
        try:
            await work
            self._busy = False
            self._catch_up()
        except StreamError as error:
            self.fail(error)
        except (BusUnavailable, StoreUnavailable):
            if self._exchange is not None:
                self._login_ended("unavailable")
            self.fail(StreamError("resource-constraint", "the server's database cannot be reached"))
        except Exception as bug:  # contained to this one stream
            with journal.concerning(self._account, self.session, None):
                self._services.on_bug("negotiation", bug)
            self.fail(StreamError("internal-server-error"))

    def _catch_up(self) -> None:
        held, self._held = self._held, []
        for event in held:
            self._event(event)

    async def _start_tls(self, _received: Nonza) -> None:
        if self.wire.secure or not self._services.rules.tls_available:
            raise StreamError("policy-violation", "no TLS here")
        if self._held:
            # RFC 6120 section 5.4.3.3: nothing may follow before TLS; else it could be injected
            raise StreamError("policy-violation", "bytes between starttls and TLS")
        self.wire.write(f"<proceed xmlns='{ns.TLS}'/>".encode())
        try:
            await self.wire.start_tls()
        except OSError:
            self._closed = True
            self.wire.close()
            return
        self._phase = Phase.SECURE
        self._restart()

    def _restart(self) -> None:
        self._framer.restart()
        self._opened = False
        self._domain = ""

    async def _authenticate(self, received: Nonza) -> None:
        tree = received.tree()
        try:
            self._exchange = await self._services.authenticator.begin(
                tree.get("mechanism", ""), self._domain, self.wire
            )
            await self._turn(tree.text)
        except SaslFailure as failure:
            self._sasl_failure(failure)

    async def _respond(self, received: Nonza) -> None:
        try:
            await self._turn(received.tree().text)
        except SaslFailure as failure:
            self._sasl_failure(failure)

    async def _turn(self, data: str | None) -> None:
        assert self._exchange is not None
        self._phase = Phase.EXCHANGE
        said = await self._exchange.turn(data)
        if self._closed:
            return  # who has left meanwhile has not logged in
        if isinstance(said, Challenge):
            self.wire.write(b"<challenge xmlns='%b'>%b</challenge>" % (ns.SASL.encode(), said.encoded()))
            return
        assert isinstance(said, Success)
        self._account = self._exchange.account
        self.wire.logged_in()
        journal.login(self._exchange, self.wire)
        self._login_ended("success")
        self._phase = Phase.AUTHENTICATED
        self._framer.limit(self._services.rules.after)
        self.wire.write(b"<success xmlns='%b'>%b</success>" % (ns.SASL.encode(), said.encoded()))
        self._restart()

    def _sasl_failure(self, failure: SaslFailure) -> None:
        journal.login_failed(failure.condition, self._exchange, self.wire)
        self._login_ended(failure.condition)
        self._phase = Phase.SECURE if self._phase is Phase.EXCHANGE else self._phase
        self._failures += 1
        said = element("failure", ns.SASL, None, element(failure.condition, ns.SASL))
        if failure.text:
            said.append(element("text", ns.SASL, {f"{{{ns.XML}}}lang": "en"}, text=failure.text))
        self._say(serialise(said))
        if self._failures >= self._services.rules.login_attempts:
            # RFC 6120 section 6.4.5: a reasonable number of tries, then the stream ends
            self.fail(StreamError("policy-violation", "too many failed logins"))

    def _login_ended(self, outcome: str) -> None:
        self._services.count("logins", outcome)
        self._services.authenticator.took(self._exchange)
        self._exchange = None

    async def _register(self, received: Stanza) -> None:
        if self._services.register is None or received.id is None:
            raise StreamError("not-authorized")
        try:
            answer = await self._services.register(received.type or "", received.tree()[0], self._domain)
            self._say(iq_result(received.id, None, self._domain, answer))
        except StanzaError as error:
            self._say(error_reply(received, error, None, self._domain))

    async def _bind(self, received: Stanza) -> None:
        assert self._account is not None
        if received.id is None or received.type != "set":
            raise StreamError("not-authorized")
        try:
            wanted = says.wanted_resource(received)
            session, carried = await self._services.binder.bind(self._account, wanted, self.wire, self._lang)
        except StanzaError as error:
            self._say(error_reply(received, error, self._account.bare, self._account.domain))
            return
        if self._closed:
            await self._services.binder.end(session, "lost")
            return
        self.session = session
        self._carried = carried
        self._phase = Phase.BOUND
        self.wire.bound()
        bound = element("bind", ns.BIND, None, element("jid", ns.BIND, text=session.jid.full))
        self._say(iq_result(received.id, session.jid.full, None, bound))

    _STEPS: dict[Step, Callable[..., Coroutine[Any, Any, None]]] = {  # noqa: RUF012 - slots, and never changed
        Step.TLS: _start_tls,
        Step.AUTHENTICATE: _authenticate,
        Step.RESPOND: _respond,
        Step.REGISTER: _register,
        Step.BIND: _bind,
    }
