"""A client's presence on its connection manager: checked, noted in the registry, handed to the service.

RFC 6121 sections 3 and 4. What it means for others is the presence service's work; both sides of
it are in order because everything of one account goes through one shard.
"""

from __future__ import annotations

import re
from typing import Any

from roost.core.features import Feature
from roost.core.ports import ServiceStream, SessionRegistry
from roost.core.router import Router
from roost.core.session import Session
from roost.protocol import namespaces as ns
from roost.protocol.envelope import AGAIN, FIRST, NOTHING, PresenceEntry, encode_entry, now
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.stanza import PRESENCE_TYPES, Stanza, error_reply, insert_attributes, without_attribute
from roost.protocol.xml import child, escape_attribute
from roost.runtime.figures import Figures

_SUBSCRIPTIONS = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})
_LOWEST, _HIGHEST = -128, 127  # RFC 6121 section 4.7.2.3
_NUMBER = re.compile("[+-]?[0-9]{1,9}")  # as in XML Schema; Python's int() reads more than that


class ClientPresence(Feature):
    """Implements core.session.Availability."""

    def __init__(
        self, registry: SessionRegistry, service: ServiceStream, router: Router, directed: int
    ) -> None:
        """`service` is the stream of the presence service; `directed` bounds the addresses that a session
        may have sent presence to."""
        self._registry = registry
        self._service = service
        self._router = router
        self._directed = directed
        self.refused = 0

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {"drops": lambda: {"directed-per-session": self.refused}}

    def stanza(self, session: Session, stanza: Stanza, stamped: bytes) -> None:
        """See core.session.Availability."""
        if stanza.type is not None and stanza.type not in PRESENCE_TYPES:
            raise StanzaError("bad-request", "no such type of presence")  # RFC 6121 section 4.7.1
        if stanza.to is not None:
            self._to_someone(session, stanza, stamped)
        elif stanza.type is None:
            self._available(session, stanza, stamped)
        elif stanza.type == "unavailable":
            self._unavailable(session, stanza, stamped)
        elif stanza.type != "error":
            raise StanzaError("bad-request", "presence of this type is sent to somebody")

    def _available(self, session: Session, stanza: Stanza, stamped: bytes) -> None:
        priority = _priority(stanza)
        first = session.priority is None
        could_take = session.priority is not None and session.priority >= 0
        session.priority = priority
        session.presence = stamped
        self._registry.available(session.jid, session.sid, priority, stamped, _Fenced(session))
        self._post(session, "available", stamped, stanza, FIRST if first else NOTHING)
        if priority >= 0 and not could_take:
            session.drain()

    def _unavailable(self, session: Session, stanza: Stanza, stamped: bytes) -> None:
        if session.priority is None:
            return  # RFC 6121 section 4.5: there is nothing to take back
        session.priority = None
        session.presence = b""
        session.directed = None  # RFC 6121 section 4.6.1: they hear of it, and the list is empty again
        self._registry.unavailable(session.jid, session.sid, _Fenced(session))
        self._post(session, "unavailable", stamped, stanza)

    def announce_again(self, session: Session) -> None:
        """Tell the presence service anew of an available session, after entries for this pod were lost."""
        if session.priority is not None:
            self._post(session, "available", session.presence, Stanza("presence", session.presence), AGAIN)

    def _to_someone(self, session: Session, stanza: Stanza, stamped: bytes) -> None:
        to = self._router.address(stanza.to or "")
        if stanza.type in _SUBSCRIPTIONS or stanza.type == "probe":
            self._subscription(session, stanza, to)
            return
        if to.local is None or stanza.type == "error":
            return  # the server itself keeps no presence, and nobody's changes with an error
        available = stanza.type is None
        self._note(session, to, available=available)
        self._registry.directed(session.jid, session.sid, to.full, _ignore, available=available)
        self._post(session, "directed", stamped, stanza)

    def _note(self, session: Session, to: Jid, *, available: bool) -> None:
        """Keep the session's own list, which is bounded, of those who will hear of its end."""
        one = hash(to.full)  # a JID has up to 3 KB, and nothing but the number of them is wanted
        if session.directed is None:
            session.directed = set()
        if not available:
            session.directed.discard(one)
        elif one in session.directed or len(session.directed) < self._directed:
            session.directed.add(one)
        else:
            self.refused += 1
            raise StanzaError("policy-violation", "presence sent to too many addresses", type="wait")

    def _subscription(self, session: Session, stanza: Stanza, to: Jid) -> None:
        """RFC 6121 sections 3.1.2 and 4.3: these go from bare JID to bare JID, whatever the client wrote."""
        raw = without_attribute(stanza.raw, b"to")
        addresses = f" from='{escape_attribute(session.jid.bare)}' to='{escape_attribute(to.bare)}'"
        self._post(session, stanza.type or "", insert_attributes(raw, addresses.encode()), stanza)

    def _post(self, session: Session, verb: str, raw: bytes, stanza: Stanza, extra: str = NOTHING) -> None:
        entry = PresenceEntry(verb, session.jid.full, session.sid, now(), extra, raw)
        self._service.post(session.jid.bare, encode_entry(entry), _Unheard(session, stanza))


class _Fenced:
    """Hears whether the registry still knows the session; one it does not know is not ours any more."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, known: Any) -> None:
        if known == 0:
            self._session.told("close", "reset")


class _Unheard:
    """Tells the client when the presence service could not be reached: nothing vanishes in silence."""

    __slots__ = ("_session", "_stanza")

    def __init__(self, session: Session, stanza: Stanza) -> None:
        self._session = session
        self._stanza = stanza

    def __call__(self, position: Any) -> None:
        if position.__class__ is int and position >= 0:
            return
        error = StanzaError("resource-constraint", "the presence service cannot be reached")
        self._session.write(error_reply(self._stanza, error, self._session.jid.full))


def _priority(stanza: Stanza) -> int:
    if b"priority" not in stanza.raw:
        return 0
    found = child(stanza.tree(), "priority", ns.CLIENT)
    if found is None:
        return 0
    text = (found.text or "").strip(" \t\r\n")
    if _NUMBER.fullmatch(text) is None:
        raise StanzaError("bad-request", "a priority is a number")
    priority = int(text)
    if not _LOWEST <= priority <= _HIGHEST:
        raise StanzaError("bad-request", "a priority lies between -128 and 127")
    return priority


def _ignore(_known: Any) -> None:
    pass
