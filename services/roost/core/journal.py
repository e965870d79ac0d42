"""What the log says of streams: a line for each login, session and stream error, none for a stanza."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager

from roost.core.authentication import Exchange
from roost.core.session import Session
from roost.core.wire import Wire
from roost.protocol.errors import StreamError
from roost.protocol.framing import Event
from roost.protocol.jid import Jid
from roost.protocol.stanza import Stanza
from roost.runtime import logging

_log = logging.logger("roost.streams")


def login(exchange: Exchange, wire: Wire) -> None:
    """Somebody has logged in."""
    assert exchange.candidate is not None
    _log.info(
        "login",
        jid=exchange.candidate.bare,
        mechanism=exchange.mechanism,
        address=wire.peer,
        tls=wire.tls_version,
    )


def login_failed(condition: str, exchange: Exchange | None, wire: Wire) -> None:
    """A login has failed (a condition of RFC 6120 section 6.5); `exchange` is None when none had begun."""
    tried: dict[str, str] = {}
    if exchange is not None:
        tried["mechanism"] = exchange.mechanism
        if exchange.candidate is not None:
            tried["jid"] = exchange.candidate.bare
    _log.info("login failed", condition=condition, **tried, address=wire.peer, tls=wire.tls_version)


def stream_error(error: StreamError, account: Jid | None, session: Session | None, wire: Wire) -> None:
    """A stream ends with an error of ours (RFC 6120 section 4.9)."""
    said = {"text": error.text} if error.text else {}
    _log.info("stream error", condition=error.condition, **said, **_whom(account, session), address=wire.peer)


def session_bound(session: Session) -> None:
    """A session has begun."""
    _log.info("session bound", jid=session.jid.full, sid=session.sid, address=session.wire.peer)


def session_replaced(jid: Jid, sid: str, old: str) -> None:
    """A session, anywhere in the cluster, has given its resource to a new one (RFC 6120 section 7.7.2.2)."""
    _log.info("session replaced", jid=jid.full, sid=sid, old_sid=old)


def session_ended(session: Session, reason: str) -> None:
    """A session has ended: `closed` by its client, `lost` with its connection, or by a stream error."""
    seconds = round(time.monotonic() - session.since, 3)
    _log.info("session ended", jid=session.jid.full, sid=session.sid, reason=reason, seconds=seconds)


def concerning(
    account: Jid | None, session: Session | None, received: Event | None
) -> AbstractContextManager[None]:
    """A context whose lines say whose stream they are about, and which stanza if `received` is one."""
    stanza = received.id if isinstance(received, Stanza) else None
    return logging.concerning(stanza=stanza, **_whom(account, session))


def _whom(account: Jid | None, session: Session | None) -> dict[str, str]:
    if session is not None:
        return {"jid": session.jid.full, "sid": session.sid}
    return {"jid": account.bare} if account is not None else {}
