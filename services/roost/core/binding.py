"""Sessions begin and end: the registry, the queue's courier and the presence service hear of it."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress

from roost.core import journal
from roost.core.ports import Bound, BusUnavailable, Carried, Carrier, ServiceStream, SessionRegistry
from roost.core.session import LocalSessions, Session, SessionServices
from roost.core.wire import Wire
from roost.protocol.envelope import PresenceEntry, encode_entry, now
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid

_RETRY_SECONDS = 1.0
_TOGETHER = 200  # sessions entered again at once


class Binder:
    """Enters sessions into the cluster and takes them out again."""

    def __init__(
        self,
        pod: str,
        registry: SessionRegistry,
        carrier: Carrier,
        presence: ServiceStream,
        sessions: LocalSessions,
        services: SessionServices,
    ) -> None:
        """`pod` is this connection manager's name in the registry, new at each start."""
        self.pod = pod
        self._registry = registry
        self._carrier = carrier
        self._presence = presence
        self._sessions = sessions
        self._services = services
        self._untold: set[str] = set()  # the ids of sessions whose end not everybody can know of yet

    @property
    def idle(self) -> bool:
        """Whether no session is left here, and the ends of all that were are in good hands."""
        return not (self._sessions or self._untold)

    async def bind(
        self, account: Jid, wanted: str | None, wire: Wire, lang: str | None
    ) -> tuple[Session, Carried]:
        """A session for `account`, under the resource it wants or one of ours (RFC 6120 section 7).

        Raises StanzaError when the account has too many sessions, BusUnavailable.
        """
        sid = secrets.token_urlsafe(9)
        jid = account.with_resource(wanted or secrets.token_urlsafe(12))
        session = Session(jid, sid, wire, self._services, lang)
        self._sessions.add(session)
        carried = self._carrier.attach(jid.bare, sid, session)
        try:
            bound = await self._enter(session)
        except BaseException:
            # it may be in the registry all the same
            self._services.spawn(self.end(session, "lost"))
            raise
        if not bound.accepted:
            self.leave(session)
            self._untold.discard(session.sid)
            self._sessions.refused += 1
            # RFC 6120 section 7.6.2.1
            raise StanzaError("resource-constraint", "this account has too many sessions")
        journal.session_bound(session)
        return session, carried

    async def enter_again(self) -> None:
        """Redis came back empty: enter all sessions of this pod once more; raises BusUnavailable."""
        sessions = self._sessions.all()
        for at in range(0, len(sessions), _TOGETHER):
            await asyncio.gather(*map(self._enter_one_again, sessions[at : at + _TOGETHER]))

    async def _enter_one_again(self, session: Session) -> None:
        if not session.ended:
            await self._registry.bind(session.jid, session.sid, self.pod, session.state, session.presence)

    async def _enter(self, session: Session) -> Bound:
        bound = await self._registry.bind(session.jid, session.sid, self.pod)
        if bound.replaced is not None:
            journal.session_replaced(session.jid, session.sid, bound.replaced)
            # RFC 6120 section 7.7.2.2: the new session wins; the old one's end precedes our first presence
            await self._announce_end(session.jid, bound.replaced, "conflict", b"")
        return bound

    async def end(self, session: Session, reason: str, final: bytes = b"") -> None:
        """Take a session out; `final` is the unavailable presence its client sent, if any.

        Tries until it is done: a session that stayed in the registry would be a ghost for as long as
        this pod lives, and when it dies the sweep finds it.
        """
        self.leave(session)
        journal.session_ended(session, reason)
        await self._see_out(session, reason, final, marked=False)

    async def retire(self, session: Session) -> None:
        """Have nobody choose a session any more, then carry for it no longer; `announce` follows.

        What was put into its queue before has been given to it by then: the replies of Redis and what it
        publishes come in one order.
        """
        with suppress(BusUnavailable):  # then `announce` does it
            await self._registry.end(session.jid, session.sid)
        self.leave(session)

    async def announce(self, session: Session, reason: str) -> None:
        """Tell of the end of a session that was retired; tries until it is done."""
        journal.session_ended(session, reason)
        await self._see_out(session, reason, b"", marked=True)

    async def _see_out(self, session: Session, reason: str, final: bytes, *, marked: bool) -> None:
        """`marked` says that the registry may have it as ended already, and nobody has been told."""
        while True:
            try:
                if await self._registry.end(session.jid, session.sid) or marked:
                    await self._announce_end(session.jid, session.sid, reason, final)
            except BusUnavailable:
                marked = True
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                self._untold.discard(session.sid)
                return

    def leave(self, session: Session) -> None:
        """Nothing is written to the session from now on; `end` does this, and the rest."""
        if session.ended:
            return
        session.ended = True
        self._untold.add(session.sid)
        self._carrier.detach(session.sid)
        self._sessions.discard(session)

    async def _announce_end(self, jid: Jid, sid: str, reason: str, final: bytes) -> None:
        entry = encode_entry(PresenceEntry("ended", jid.full, sid, now(), reason, final))
        await self._presence.append(jid.bare, entry)
