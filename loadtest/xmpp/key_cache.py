"""The expensive part of a SCRAM login, kept from one login of an account to the next."""

from __future__ import annotations

import gevent

from roost.protocol import scram_client
from roost.protocol.scram_client import ClientKeys


class KeyCache:
    """Derived keys by password, salt and count; `derive` is what a ScramClient wants.

    Deriving them takes milliseconds of CPU, once for each account here, as on a phone that keeps them
    (RFC 5802 section 3 allows that). It happens in a thread, so that other users are not held up.
    """

    def __init__(self, limit: int = 200_000) -> None:
        """Over `limit` accounts, the oldest is forgotten."""
        self._limit = limit
        self._known: dict[tuple[str, bytes, bytes, int], ClientKeys] = {}
        self.derived = 0
        """How many had to be derived."""

    def derive(self, mechanism: str, password: bytes, salt: bytes, iterations: int) -> ClientKeys:
        """The keys of a prepared password."""
        asked = (mechanism, password, salt, iterations)
        found = self._known.get(asked)
        if found is None:
            found = gevent.get_hub().threadpool.apply(scram_client.derive, asked)
            self.derived += 1
            if len(self._known) >= self._limit:
                del self._known[next(iter(self._known))]
            self._known[asked] = found
        return found
