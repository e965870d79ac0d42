"""People who talk, and what is expected of them; for the trials."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout

PASSWORD = "but soft! what light"  # noqa: S105 - of accounts that live for a minute
DEADLINE = 60.0  # seconds until something that is expected must have happened
ANSWER_SECONDS = 10
_PAUSE = 0.3
_BREATH = 0.05  # between two messages of a talk


@dataclass(frozen=True, slots=True)
class Place:
    """Where people log in."""

    domain: str
    authority: Path
    """The certificate to trust."""
    host: str
    starttls_port: int
    direct_tls_port: int


class Person(slixmpp.ClientXMPP):
    """Somebody who comes back when the connection ends, as clients do."""

    def __init__(self, name: str, place: Place, *, direct_tls: bool = False) -> None:
        super().__init__(f"{name}@{place.domain}", PASSWORD)
        self.ca_certs = place.authority
        self.enable_direct_tls, self.enable_starttls = direct_tls, not direct_tls
        self._door = place.host, place.direct_tls_port if direct_tls else place.starttls_port
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.online = asyncio.Event()
        self.ends: list[str] = []
        """The conditions of the stream errors that ended its streams."""
        self.add_event_handler("session_start", self._began)
        self.add_event_handler("message", lambda message: self.heard.put_nowait(message["body"]))
        self.add_event_handler("stream_error", lambda error: self.ends.append(error["condition"]))
        self.add_event_handler("disconnected", self._ended)

    async def arrive(self) -> None:
        """Come online."""
        self._leaving = False
        self.connect(*self._door)
        await asyncio.wait_for(self.online.wait(), DEADLINE)

    async def leave(self) -> None:
        """Go, and stay away."""
        self._leaving = True
        await self.disconnect()

    async def hears(self, text: str) -> None:
        """Wait for this message, which must be the next one."""
        heard = await asyncio.wait_for(self.heard.get(), DEADLINE)
        expect(heard == text, f"{self.boundjid.bare} hears {text!r}, not {heard!r}")

    async def _began(self, _event: Any) -> None:
        await self.get_roster()
        self.send_presence()
        self.online.set()

    async def _ended(self, _event: Any) -> None:
        self.online.clear()
        if not self._leaving:
            await asyncio.sleep(_PAUSE)
            self.connect(*self._door)


class Failed(Exception):  # noqa: N818 - an answer, not a bug
    """Something did not go as it should."""


def expect(truth: bool, what: str) -> None:
    """Raise Failed unless it is so."""
    if not truth:
        raise Failed(what)


async def until(look: Callable[[], bool], what: str) -> None:
    """Look again and again, until it is so."""
    deadline = time.monotonic() + DEADLINE
    while not await asyncio.to_thread(look):
        expect(time.monotonic() < deadline, what)
        await asyncio.sleep(_PAUSE)


async def converse(one: Person, other: Person) -> None:
    """Each hears what the other says."""
    for sender, receiver in ((one, other), (other, one)):
        text = f"{sender.boundjid.user} at {time.monotonic_ns()}"
        sender.send_message(receiver.boundjid.bare, text)
        await receiver.hears(text)


class Talk:
    """One tells another numbers; what the server has taken must be heard, whatever happens meanwhile."""

    def __init__(self, speaker: Person, listener: Person) -> None:
        self._speaker, self._listener = speaker, listener
        speaker.register_plugin("xep_0199")
        self._pings = speaker.plugin["xep_0199"]
        self.taken: set[str] = set()
        self.heard: list[str] = []
        self._ends = False

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Talk while the body runs; then all that was taken must be heard."""
        speaking = asyncio.create_task(self._speak())
        listening = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            self._ends = True
            await asyncio.wait_for(speaking, DEADLINE)
        await until(lambda: self.taken <= set(self.heard), "all that was taken is heard")
        listening.cancel()
        expect(len(self.taken) > 1, "they did talk")
        print(f"    {len(self.taken)} messages were taken, {len(self.heard)} heard", flush=True)

    async def _speak(self) -> None:
        """Until it is to end and the last word was taken."""
        for number in itertools.count():
            await self._speaker.online.wait()
            text = f"{number} of {id(self)}"
            self._speaker.send_message(self._listener.boundjid.bare, text)
            if await self._was_taken():
                self.taken.add(text)
                if self._ends:
                    return
            await asyncio.sleep(_BREATH)

    async def _was_taken(self) -> bool:
        """What comes after the message on its stream was answered, so it was taken before."""
        try:
            await self._speaker.plugin["xep_0199"].send_ping(
                self._speaker.boundjid.host, timeout=ANSWER_SECONDS
            )
        except (IqError, IqTimeout):
            return False
        return True

    async def _listen(self) -> None:
        while True:
            self.heard.append(await self._listener.heard.get())
