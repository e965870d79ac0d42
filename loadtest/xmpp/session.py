"""A bound session: a greenlet reads what comes, and anybody may send."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import AsyncResult

from loadtest.xmpp import management
from loadtest.xmpp.login import Entry, condition, count
from loadtest.xmpp.place import Disconnected, Refused
from roost.protocol import namespaces as ns
from roost.protocol.framing import Nonza
from roost.protocol.stanza import Stanza, iq_result
from roost.protocol.xml import escape_attribute

_REQUEST = f"{management.NAMESPACE}}}r"
_ANSWER = f"{management.NAMESPACE}}}a"
_PING = f"{ns.PING}}}ping"
_PUSH = f"{ns.ROSTER}}}query"


class Session:
    """What a login leads to; it ends once, by us or by the other side."""

    __slots__ = (
        "_asked",
        "_ended",
        "_hear",
        "_ids",
        "_reader",
        "_seconds",
        "_stream",
        "acknowledgements",
        "alive",
        "jid",
    )

    def __init__(
        self,
        entry: Entry,
        jid: str,
        hear: Callable[[Stanza], None],
        ended: Callable[[str], None],
        seconds: float,
    ) -> None:
        """`hear` gets each message, presence and roster push; `ended` the reason of an end that is not ours.

        `seconds` bounds the wait for an answer.
        """
        self._stream = entry.stream
        self.jid = jid
        self.acknowledgements = entry.acknowledgements
        self.alive = True
        self._hear = hear
        self._ended = ended
        self._seconds = seconds
        self._asked: dict[str, Any] = {}
        self._ids = itertools.count()
        for stanza in entry.again:
            self._send_again(stanza, counted=entry.resumed)
        self._reader = gevent.spawn(self._read)

    def _send_again(self, stanza: bytes, *, counted: bool) -> None:
        """`counted` stanzas are among the unacknowledged ones already."""
        if counted:
            self._stream.send(stanza)
        else:
            self.send(stanza)

    # --- to the server ---

    def send(self, stanza: bytes) -> None:
        """Send one stanza; raises Disconnected."""
        acknowledgements = self.acknowledgements
        self._stream.send(stanza if acknowledgements is None else acknowledgements.sending(stanza))

    def ask(self, type: str, payload: str, to: str = "") -> Stanza:
        """Send an iq and wait for its result; raises Refused with the error's condition, or Disconnected."""
        id = f"ask{next(self._ids)}"
        address = f" to='{escape_attribute(to)}'" if to else ""
        answered = self._asked[id] = AsyncResult()
        try:
            self.send(f"<iq type='{type}' id='{id}'{address}>{payload}</iq>".encode())
            with gevent.Timeout(self._seconds, Disconnected("no answer in time")):
                answer: Stanza = answered.get()
        finally:
            del self._asked[id]
        if answer.type == "error":
            raise Refused(condition(answer))
        return answer

    def close(self) -> None:
        """End the session in order."""
        self._leave()
        self._stream.close()

    def cut(self) -> None:
        """End the connection as a lost network does; the session may be resumed."""
        self._leave()
        self._stream.cut()

    def _leave(self) -> None:
        self.alive = False
        if self._reader is not gevent.getcurrent():
            self._reader.kill()
        self._fail_questions("we left")

    # --- from the server ---

    def _read(self) -> None:
        try:
            while True:
                received = self._stream.receive()
                if isinstance(received, Stanza):
                    self._take(received)
                else:
                    self._manage(received)
        except Disconnected as error:
            self.alive = False
            self._stream.cut()
            self._fail_questions(str(error))
            self._ended(str(error))

    def _take(self, stanza: Stanza) -> None:
        if stanza.kind != "iq":
            self._hear(stanza)
        elif stanza.type in {"result", "error"}:
            answered = self._asked.get(stanza.id or "")
            if answered is not None:
                answered.set(stanza)
        else:
            self._answer(stanza)
        if self.acknowledgements is not None:
            self.acknowledgements.handled()

    def _answer(self, request: Stanza) -> None:
        """The server asks for a sign of life, or tells of a change of the roster; more we do not know."""
        if request.payload == _PUSH:
            self._hear(request)
        if request.payload in {_PING, _PUSH}:
            self.send(iq_result(request.id or "", request.sender, None))
            return
        address = f" to='{escape_attribute(request.sender)}'" if request.sender else ""
        self.send(
            f"<iq type='error' id='{escape_attribute(request.id or '')}'{address}><error type='cancel'>"
            f"<service-unavailable xmlns='{ns.STANZA_ERRORS}'/></error></iq>".encode()
        )

    def _manage(self, received: Nonza) -> None:
        acknowledgements = self.acknowledgements
        if acknowledgements is None:
            return
        if received.name == _REQUEST:
            self._stream.send(acknowledgements.answer())
        elif received.name == _ANSWER:
            try:
                acknowledgements.acknowledge(count(received))
            except ValueError as error:
                raise Disconnected(str(error)) from None

    def _fail_questions(self, why: str) -> None:
        for answered in self._asked.values():
            answered.set_exception(Disconnected(why))
