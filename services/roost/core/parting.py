"""The end of a stream: between the closing tags nothing is lost, and nothing comes twice (RFC 6120, 4.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from roost.core.binding import Binder
from roost.core.ports import Carried
from roost.core.session import Session
from roost.core.wire import Wire
from roost.protocol.framing import Event, StreamEnd
from roost.protocol.stanza import Stanza

_HURRY_SECONDS = 0.5  # for answers that are on their way
_LOOK_SECONDS = 0.02  # about as long as a machine may wait with an acknowledgement


class Parting:
    """The goodbye of one session.

    First nobody chooses the session any more, so that what was put into its queue is complete and the
    client gets it before the closing tag. Then the client has some time to close its side; what it says
    until then counts. Its own closing tag, or the acknowledgement of its machine, tells that it has got
    everything; what it may not have got stays in the queue, and goes the way of an absent user's.

    A client that has closed its side first has nothing more to say: then it is its machine that has the time.
    """

    def __init__(self, session: Session, carried: Carried, wire: Wire, binder: Binder) -> None:
        """Does nothing until `run`."""
        self._session = session
        self._carried = carried
        self._wire = wire
        self._binder = binder
        self._over = asyncio.Event()
        self._said = False
        self._got = False

    async def run(
        self, say: Callable[[], None], reason: str, seconds: float, *, closed: bool = False
    ) -> None:
        """Part. `say` writes the last words and the closing tag; `seconds` is the client's time to answer.

        `closed` says that it has closed its side before.
        """
        await self._binder.retire(self._session)
        say()
        self._said = True
        await (self._acknowledgement(seconds) if closed else self._answer(seconds))
        if self._got:
            self._carried.settle()
        else:
            self._carried.trim()
        self._wire.close()
        await self._binder.announce(self._session, reason)

    def hurry(self) -> None:
        """Wait no longer than for what is on its way."""
        asyncio.get_running_loop().call_later(_HURRY_SECONDS, self._over.set)

    def heard(self, event: Event) -> None:
        """The client has said something after our closing tag; raises StreamError."""
        if isinstance(event, Stanza):
            self._session.late(event)
        elif isinstance(event, StreamEnd):
            self._ended_by_client()

    def lost(self) -> None:
        """The connection is gone."""
        self._carried.trim()
        self._over.set()

    def _ended_by_client(self) -> None:
        if self._said:
            self._got = True
        else:
            self._carried.trim()  # both closed at once: what it has not got by now, it may not read
        self._over.set()

    async def _answer(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return

    async def _acknowledgement(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not (self._carried.trim() or self._over.is_set() or loop.time() >= end):
            await self._answer(_LOOK_SECONDS)
