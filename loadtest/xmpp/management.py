"""XEP-0198: what has been received and what has not been acknowledged yet. Does no I/O."""

from __future__ import annotations

from collections import deque

NAMESPACE = "urn:xmpp:sm:3"
REQUEST = f"<r xmlns='{NAMESPACE}'/>".encode()
ENABLE = f"<enable xmlns='{NAMESPACE}' resume='true'/>".encode()
_ROUND = 2**32  # section 4: counters wrap


class Acknowledgements:
    """The counters of one session, which survive its connection."""

    __slots__ = ("_acknowledged", "_asked", "_waiting", "received", "resumption")

    def __init__(self, resumption: str) -> None:
        """`resumption` is the id under which the session may be resumed, empty if it may not."""
        self.resumption = resumption
        self.received = 0
        """Stanzas handled."""
        self._acknowledged = 0
        self._waiting: deque[bytes] = deque()
        self._asked = False

    def sending(self, stanza: bytes) -> bytes:
        """The bytes to send for a stanza: itself, with a request unless one is open already."""
        self._waiting.append(stanza)
        if self._asked:
            return stanza
        self._asked = True
        return stanza + REQUEST

    def handled(self) -> None:
        """A stanza has been received."""
        self.received = (self.received + 1) % _ROUND

    def answer(self) -> bytes:
        """What answers the server's request."""
        return f"<a xmlns='{NAMESPACE}' h='{self.received}'/>".encode()

    def acknowledge(self, count: int) -> None:
        """The server has handled `count` stanzas; raises ValueError when it says more than were sent."""
        news = (count - self._acknowledged) % _ROUND
        if news > len(self._waiting):
            raise ValueError(f"{news} stanzas acknowledged of {len(self._waiting)}")
        for _ in range(news):
            self._waiting.popleft()
        self._acknowledged = count
        self._asked = False

    def resume(self) -> bytes:
        """The request to resume (section 5)."""
        return f"<resume xmlns='{NAMESPACE}' h='{self.received}' previd='{self.resumption}'/>".encode()

    def again(self) -> list[bytes]:
        """What has not been acknowledged and is to be sent again, in order."""
        self._asked = False
        return list(self._waiting)
