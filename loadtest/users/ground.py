"""What all users of one process share during one run."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent

from loadtest.delivery.couriers import Couriers, Send
from loadtest.delivery.ledger import Ledger
from loadtest.settings import Settings
from loadtest.users.numbering import Numbering
from loadtest.xmpp.key_cache import KeyCache
from loadtest.xmpp.login import Account
from loadtest.xmpp.place import Disconnected, Place, Refused
from loadtest.xmpp.session import Session
from roost.protocol import namespaces as ns

CARBONS = "urn:xmpp:carbons:2"
ARCHIVE = "urn:xmpp:mam:2"
_TICK_SECONDS = 1.0
_LOOK_SECONDS = 0.05
_TYPE = "XMPP"
_log = logging.getLogger(__name__)


class Ground:
    """The server, the numbers, the ledger."""

    def __init__(
        self, settings: Settings, place: Place, numbering: Numbering, fire: Callable[..., None], send: Send
    ) -> None:
        """`fire` is Locust's request event; `send` brings claims to another worker."""
        self.settings = settings
        self.place = place
        self.numbering = numbering
        self.cache = KeyCache()
        self.ledger = Ledger(self.report, time.time, settings.deadline)
        self.couriers = Couriers(self.ledger, numbering.rank, send)
        self.quiet = False
        """Nothing new is sent: the run ends, and what is under way shall arrive."""
        self.registering = settings.register == "auto"
        self._fire = fire
        self._features: frozenset[str] | None = None
        self._ticking: Any = gevent.spawn(self._tick)

    def account(self, number: int) -> Account:
        """The account of user `number`."""
        return Account(self.settings.name(number), self.settings.secret(number))

    def report(self, name: str, seconds: float | None, size: int = 0, failure: str | None = None) -> None:
        """Tell Locust of one request; see delivery.ledger.Report."""
        self._fire(
            request_type=_TYPE,
            name=name,
            response_time=None if seconds is None else seconds * 1000,
            response_length=size,
            exception=failure,
            context={},
        )

    def features(self, session: Session) -> frozenset[str]:
        """What the server and accounts on it say they can do (XEP-0030); asked once a run."""
        if self._features is None:
            found: set[str] = set()
            for who in (self.place.domain, session.jid.partition("/")[0]):
                found |= _features_of(session, who)
            self._features = frozenset(found)
        return self._features

    def settle(self) -> None:
        """Let what is under way arrive, for as long as the deadline; judge what has not."""
        self.quiet = True
        self.couriers.flush()
        # claims of other workers come within a tick
        gevent.sleep(_TICK_SECONDS if self.numbering.workers > 1 else _LOOK_SECONDS)
        end = time.monotonic() + self.settings.deadline
        while self.ledger.open() and time.monotonic() < end:
            gevent.sleep(_LOOK_SECONDS)
        self.ledger.judge()

    def close(self) -> None:
        """The run is over."""
        self._ticking.kill()

    def _tick(self) -> None:
        while True:
            gevent.sleep(_TICK_SECONDS)
            self.couriers.flush()
            self.ledger.judge()


def _features_of(session: Session, who: str) -> set[str]:
    try:
        answer = session.ask("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=who)
    except (Refused, Disconnected) as error:
        _log.info("%s does not say what it can do: %s", who, error)
        return set()
    return {one.get("var", "") for one in answer.tree().iter(f"{{{ns.DISCO_INFO}}}feature")}
