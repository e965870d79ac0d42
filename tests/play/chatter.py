"""People who chat without end and come back when their server goes: load for plays about restarts."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable

from lxml.etree import _Element as Element

from play import people, wanted
from play.client import Client
from play.cluster import Pod
from roost.protocol import namespaces as ns

_PAUSE_SECONDS = 0.05  # between two messages of one person
_AGAIN_SECONDS = 0.1  # until the next try to come back
_FOR_EVER = 3600.0
_BODY = f"{{{ns.CLIENT}}}body"


class Chatter:
    """Somebody who writes to one friend, numbering the messages, and notes what happens."""

    def __init__(self, name: str, pod: Callable[[], Pod]) -> None:
        """`pod` says where to log in, each time."""
        self.name = people.new_name(name)
        self._pod = pod
        self._numbers = itertools.count()
        self._there = asyncio.Event()
        self.client: Client | None = None
        self.sessions: list[str] = []
        self.sent: list[str] = []
        """The bodies of what was sent, in order."""
        self.refused: list[str] = []
        """The ids of what came back as an error."""
        self.got: list[str] = []
        """The bodies of what was received, in order."""
        self.closed: list[float] = []
        """When a stream was closed with `system-shutdown`."""
        self.cut_off: list[str] = []
        """The sessions that ended in another way."""

    @property
    def bare(self) -> str:
        """The account."""
        return self.sessions[-1].partition("/")[0]

    async def come(self) -> None:
        """Log in, available."""
        client = await people.login(self._pod(), self.name)
        self.sessions.append(client.jid)
        client.presence()
        self.client = client
        self._there.set()

    async def write(self, friend: str, until: asyncio.Event) -> None:
        """Send a message every now and then while there; the kind alternates between chat and normal."""
        while not until.is_set():
            await self._there.wait()
            number = next(self._numbers)
            body = f"{self.name} {number}"
            assert self.client is not None
            self.client.message(friend, body, ("chat", "normal")[number % 2], body)
            self.sent.append(body)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def listen(self) -> None:
        """Note what comes, and come back when the server says that it goes; until cancelled."""
        while True:
            assert self.client is not None
            try:
                self._note(await self.client.expect(lambda _one: True, within=_FOR_EVER))
            except (AssertionError, OSError):
                self._there.clear()
                if not self.client.ended:
                    self.cut_off.append(self.client.jid)
                await self._come_back()

    def _note(self, stanza: Element) -> None:
        body = stanza.findtext(_BODY)
        if wanted.stream_error(stanza):
            self._say_goodbye(stanza)
        elif stanza.get("type") == "error":
            self.refused.append(stanza.get("id") or "")
        elif body is not None:
            self.got.append(body)

    def _say_goodbye(self, error: Element) -> None:
        assert self.client is not None
        assert wanted.condition(error) == "system-shutdown"
        self.closed.append(time.monotonic())
        self._there.clear()
        self.client.send("</stream:stream>")

    async def _come_back(self) -> None:
        while True:
            try:
                await self.come()
            except (AssertionError, OSError):  # not there yet, or going too
                await asyncio.sleep(_AGAIN_SECONDS)
            else:
                return
