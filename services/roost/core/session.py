"""A bound session: what its client's stanzas do, and what reaches its client."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from roost.core.iq import IqDispatcher
from roost.core.router import Router
from roost.core.traffic import Traffic
from roost.core.wire import Wire
from roost.protocol.errors import JidMalformed, StanzaError, StreamError
from roost.protocol.jid import Jid
from roost.protocol.stanza import (
    IQ_TYPES,
    MESSAGE_TYPES,
    Stanza,
    error_reply,
    insert_attributes,
    without_attribute,
)
from roost.protocol.xml import escape_attribute
from roost.runtime.figures import Figures

_SUBSCRIPTIONS = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})
_IQS_WAITING = 20  # iqs of one session that wait; beyond it the client is not read


class Availability(Protocol):
    """What a client's presence does (RFC 6121 sections 3 and 4); a feature implements it."""

    def stanza(self, session: Session, stanza: Stanza, stamped: bytes) -> None:
        """Handle a presence stanza; raises StanzaError. Never blocks."""
        ...


@dataclass(frozen=True, slots=True)
class SessionServices:
    """What all sessions of a connection manager share."""

    router: Router
    iqs: IqDispatcher
    availability: Availability
    drain: Callable[[Jid], Coroutine[Any, Any, None]]
    """Hands stored messages to an account that can take them."""
    spawn: Callable[[Coroutine[Any, Any, None]], Any]
    """Runs a coroutine under the connection manager's care."""
    close: Callable[[Session, StreamError], None]
    """Ends a session's stream with an error."""
    traffic: Traffic


class Session:
    """One bound resource on this connection manager."""

    __slots__ = (
        "_iqs", "_services", "_stamp", "_stamp_lang", "_traffic", "directed", "ended", "interested", "jid",
        "presence", "priority", "quoted", "sid", "since", "wire",
    )  # fmt: skip

    def __init__(self, jid: Jid, sid: str, wire: Wire, services: SessionServices, lang: str | None) -> None:
        """`lang` is the stream's default language, which its stanzas inherit."""
        self.jid = jid
        self.sid = sid
        self.wire = wire
        self.since = time.monotonic()
        self.priority: int | None = None  # None while it is not available
        self.presence = b""  # the last available one; what the registry would need again if Redis lost it
        self.directed: set[int] | None = None  # those that directed presence went to; see ClientPresence
        self.interested = False
        self.ended = False
        self._services = services
        self._traffic = services.traffic
        self.quoted = escape_attribute(jid.full).encode()
        self._stamp = b" from='%b'" % self.quoted
        # RFC 6120 section 4.7.4: the stream's language is that of each stanza which names none
        said = f" xml:lang='{escape_attribute(lang)}'".encode() if lang else b""
        self._stamp_lang = self._stamp + said
        self._iqs: deque[tuple[Stanza, Jid | None]] | None = None

    @property
    def state(self) -> str:
        """Priority and flags as the registry keeps them, for a session entered again."""
        priority = "-" if self.priority is None else str(self.priority)
        return f"{priority}\t{'i' if self.interested else ''}"

    # --- from the client ---

    def received(self, stanza: Stanza) -> None:
        """Handle one stanza of the client's; raises StreamError."""
        self._traffic.received[stanza.kind] += 1
        if stanza.sender is not None:
            self._check_sender(stanza)
        try:
            if stanza.kind == "message":
                self._message(stanza)
            elif stanza.kind == "iq":
                self._iq(stanza)
            else:
                self._services.availability.stanza(self, stanza, self.stamped(stanza))
        except StanzaError as error:
            if stanza.type != "error":  # RFC 6120 section 8.3.1: an error is never answered with one
                self.write(error_reply(stanza, error, self.jid.full))
            else:
                self._traffic.unanswerable += 1

    def late(self, stanza: Stanza) -> None:
        """Handle a stanza that the client sent when it could not know yet that its session has ended.

        Its own presence means nothing any more. There is nobody to answer. Raises StreamError.
        """
        if stanza.kind != "presence" or stanza.type in _SUBSCRIPTIONS:
            self.received(stanza)

    def stamped(self, stanza: Stanza) -> bytes:
        """The stanza's bytes with the sender's full JID (RFC 6120 section 8.1.2.1)."""
        return insert_attributes(stanza.raw, self._stamp if stanza.lang is not None else self._stamp_lang)

    def _check_sender(self, stanza: Stanza) -> None:
        try:
            sender = Jid.parse(stanza.sender or "")
        except JidMalformed:
            raise StreamError("invalid-from") from None
        if sender.full != self.jid.full and sender.full != self.jid.bare:
            raise StreamError("invalid-from")  # RFC 6120 section 4.9.3.7
        stanza.raw = without_attribute(stanza.raw, b"from")

    def _message(self, stanza: Stanza) -> None:
        if stanza.type is not None and stanza.type not in MESSAGE_TYPES:
            stanza.type = None  # RFC 6121 section 5.2.2: an unknown type counts as normal
        router = self._services.router
        to = self.jid.bare_jid() if stanza.to is None else router.address(stanza.to)
        if to.local is None:
            raise StanzaError("service-unavailable")
        router.send(stanza, self.stamped(stanza), self.jid, to, self.write)

    def _iq(self, stanza: Stanza) -> None:
        if stanza.type not in IQ_TYPES or stanza.id is None:
            raise StanzaError("bad-request", "an iq has an id, and a type of get, set, result or error")
        to = None if stanza.to is None else self._services.router.address(stanza.to)
        if to is not None and to.resource is not None and to.local is not None:
            self._services.router.send(stanza, self.stamped(stanza), self.jid, to, self.write)
        elif stanza.type in {"get", "set"}:
            self._answer_later(stanza, to)

    def _answer_later(self, stanza: Stanza, to: Jid | None) -> None:
        """Answer iqs one after another (RFC 6120 section 10.1), away from the messages."""
        if self._iqs is None:
            self._iqs = deque([(stanza, to)])
            self._services.spawn(self._answer_all(self._iqs))
            return
        self._iqs.append((stanza, to))
        if len(self._iqs) >= _IQS_WAITING:
            self.wire.pause()

    async def _answer_all(self, iqs: deque[tuple[Stanza, Jid | None]]) -> None:
        while iqs:
            stanza, to = iqs[0]
            self.write(await self._services.iqs.answer(stanza, self.jid, to, self.sid))
            iqs.popleft()
            if len(iqs) == _IQS_WAITING - 1:
                self.wire.resume()
        self._iqs = None

    # --- to the client ---

    def write(self, stanza: bytes) -> None:
        """Send a stanza to the client, unless the session has ended."""
        if self.ended:
            self._traffic.late += 1
            return
        self._traffic.sent[stanza[1]] += 1
        self.wire.write(stanza)

    def take(self, stanza: bytes) -> bool:
        """Take a stanza from the session's queue; False asks for no more until the client reads."""
        self.write(stanza)
        return self.wire.writable

    def flushed(self) -> bool:
        """Whether the client's machine has got all that was taken."""
        return self.wire.flushed

    def mark(self) -> int | None:
        """A mark behind all that was taken, for `passed`; None when it cannot be told now."""
        return self.wire.mark()

    def passed(self, mark: int) -> bool:
        """Whether the client's machine has got all that was taken before the mark."""
        return self.wire.passed(mark)

    def told(self, verb: str, argument: str) -> None:
        """Hear a notice from elsewhere in the cluster."""
        if verb == "close":
            self._services.close(self, StreamError(argument))
        elif verb == "drain":
            self.drain()

    def drain(self) -> None:
        """Fetch what waits in the offline store, now that this session can take it."""
        if not self.ended and self.priority is not None and self.priority >= 0:
            self._services.spawn(self._services.drain(self.jid.bare_jid()))


class LocalSessions:
    """The sessions of this connection manager by id, for fan-out."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Session] = {}
        self._delivered = 0
        self._gone = 0
        self.refused = 0
        """Sessions that did not begin, because their account had enough."""

    def __len__(self) -> int:
        return len(self._by_sid)

    def add(self, session: Session) -> None:
        """A session begins."""
        self._by_sid[session.sid] = session

    def discard(self, session: Session) -> None:
        """A session has ended."""
        self._by_sid.pop(session.sid, None)

    def get(self, sid: str) -> Session | None:
        """The session of that id, if it is here."""
        return self._by_sid.get(sid)

    def all(self) -> list[Session]:
        """All of them, as of now."""
        return list(self._by_sid.values())

    def deliver(self, sids: list[str], before: bytes, after: bytes) -> None:
        """Write one stanza to many sessions: `before`, the receiver's full JID, `after`."""
        by_sid = self._by_sid
        written = 0
        for sid in sids:
            session = by_sid.get(sid)
            if session is not None and not session.ended:
                session.wire.write(b"%b%b%b" % (before, session.quoted, after))
                written += 1
        self._delivered += written
        self._gone += len(sids) - written

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "sessions_bound": lambda: len(self),
            "presence_delivered": lambda: self._delivered,
            "stanzas_sent": lambda: {"presence": self._delivered},
            "drops": lambda: {"session-gone": self._gone, "sessions-per-account": self.refused},
        }
