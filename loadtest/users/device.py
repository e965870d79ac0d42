"""One session of a user, which comes, goes, breaks and returns."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import gevent
from gevent.event import Event

from loadtest.users.ground import Ground
from loadtest.xmpp.login import Account, Entry, enter
from loadtest.xmpp.management import Acknowledgements
from loadtest.xmpp.place import Disconnected, Refused
from loadtest.xmpp.session import Session
from roost.protocol.stanza import Stanza

LOGIN = "login"
RECONNECT = "reconnect"
RESUME = "resume"
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before the next try; the last for all further ones


class Device:
    """Holds the session, and what is needed to have it again."""

    def __init__(
        self,
        ground: Ground,
        account: Account,
        number: int,
        index: int,
        hear: Callable[[Device, Stanza], None],
        broke: Event,
    ) -> None:
        """The account's session `index`; `number` chooses the server's address; `broke` is set when the
        connection is lost."""
        self.first = index == 0
        """Whether it answers for the account."""
        self.resource = f"load{index}"
        self.address = f"{account.name}/{self.resource}"
        """What the ledger knows it by."""
        self.session: Session | None = None
        self._ground = ground
        self._account = account
        self._number = number
        self._hear = hear
        self._broke = broke
        self._before: Acknowledgements | None = None
        self._jid = ""
        self.resumed = False
        """Whether the last login went on with the session before it."""

    @property
    def connected(self) -> bool:
        """Whether it can send."""
        return self.session is not None and self.session.alive

    @property
    def broken(self) -> bool:
        """Whether the connection was lost, other than by us."""
        return self.session is not None and not self.session.alive

    def enter(self, name: str = LOGIN) -> bool:
        """Log in, or resume; tells whether that went well. Reported as `name`, or as a resumption."""
        began = time.perf_counter()
        try:
            entry = self._entry()
            self._begin(entry)
        except (Disconnected, Refused) as error:
            self._ground.report(name, time.perf_counter() - began, failure=str(error))
            return False
        self._ground.report(RESUME if entry.resumed else name, time.perf_counter() - began)
        return True

    def _entry(self) -> Entry:
        place = self._ground.place
        address = place.address(self._number)
        return enter(place, address, self._account, self.resource, self._ground.cache, self._before)

    def _begin(self, entry: Entry) -> None:
        self._jid = entry.jid or self._jid
        self.session = Session(entry, self._jid, self._take, self._lost, self._ground.place.seconds)
        self._before = entry.acknowledgements
        self.resumed = entry.resumed
        if entry.resumed:
            self._ground.ledger.online(self.address)

    def insist(self, name: str = LOGIN) -> None:
        """Try to log in until it goes well, with longer and longer pauses."""
        tries = 0
        while not self.enter(name):
            gevent.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)] * random.uniform(0.5, 1.5))  # noqa: S311
            tries += 1

    def send(self, text: str) -> bool:
        """Send a stanza; tells whether it went out, or will once the session is resumed."""
        session = self.session
        if session is None:
            return False
        try:
            session.send(text.encode())
        except Disconnected:
            return session.acknowledgements is not None  # kept there, and sent again
        return True

    def leave(self) -> None:
        """End the session in order."""
        self._before = None
        self._end(Session.close)

    def cut(self) -> None:
        """Lose the connection."""
        self._end(Session.cut)

    def _end(self, how: Callable[[Session], None]) -> None:
        self._ground.ledger.offline(self.address)
        session, self.session = self.session, None
        if session is not None:
            how(session)

    def _take(self, stanza: Stanza) -> None:
        self._hear(self, stanza)

    def _lost(self, _why: str) -> None:
        self._ground.ledger.offline(self.address)
        self._broke.set()
