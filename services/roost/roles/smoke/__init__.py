"""`roost smoke`: two accounts converse, which takes every part of the cluster."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.roles.smoke.client import Account, Door, Unfit, Unreachable, Visitor, trust
from roost.runtime.config import Settings
from roost.runtime.patience import patiently
from roost.store.migrate import WrongSchema

_SECONDS = 60  # for all of it, beside the waiting
_BODY = "But, soft! what light through yonder window breaks?"

Make = Callable[[Settings, str, str], Awaitable[str]]
"""Makes an account of an address and a password."""
Unmake = Callable[[Settings, str], Awaitable[str]]
"""Removes an account."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the conversation is held."""

    host: str
    ca: Path | None
    """The CA that signed the server's certificate; None for the system's."""
    proxy_protocol: bool
    """Whether a connection begins with the header of a balancer."""
    wait: float = 0
    """How many seconds to wait for what cannot be reached."""


async def run(settings: Settings, place: Place, make: Make, unmake: Unmake) -> int:
    """Have two new accounts converse at `place`, say in one sentence how it went; the exit code."""
    away = BusUnavailable, StoreUnavailable, Unreachable
    seconds = _SECONDS + place.wait
    try:
        async with asyncio.timeout(seconds):
            print(await patiently(lambda: _conversation(settings, place, make, unmake), place.wait, *away))
    except TimeoutError:
        print(f"{place.host} took longer than {seconds} s.", file=sys.stderr)
        return 1
    except (Unfit, BusUnavailable, StoreUnavailable, WrongSchema, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def _conversation(settings: Settings, place: Place, make: Make, unmake: Unmake) -> str:
    doors = _doors(settings, place)
    tls = trust(place.ca, settings.certificate_file) if _with_tls(settings) else None
    async with _accounts(settings, make, unmake) as (romeo, juliet):
        speaker, listener = Visitor(doors[0], romeo, tls), Visitor(doors[-1], juliet, tls)
        try:
            for visitor in (speaker, listener):
                await visitor.enter()
                await visitor.appear()
            seconds = await _message(speaker, listener, juliet.bare)
        finally:
            for visitor in (speaker, listener):
                visitor.leave()
    ports = " and ".join(str(port) for port in dict.fromkeys(door.port for door in doors))
    return f"Two accounts logged in at {place.host} (port {ports}); a message took {seconds * 1000:.1f} ms."


def _with_tls(settings: Settings) -> bool:
    return settings.tls == "required" or settings.certificate_file is not None


def _doors(settings: Settings, place: Place) -> list[Door]:
    """One for each port that is open; raises Unfit when there is none."""
    ports = [(settings.starttls_port, False)]
    if _with_tls(settings):
        ports.append((settings.direct_tls_port, True))
    doors = [Door(place.host, port, direct, place.proxy_protocol) for port, direct in ports if port]
    if not doors:
        raise Unfit("There is no port to log in at: both are 0.")
    return doors


@asynccontextmanager
async def _accounts(settings: Settings, make: Make, unmake: Unmake) -> AsyncIterator[tuple[Account, Account]]:
    """Two accounts that are removed afterwards, whatever happens between."""
    mark = secrets.token_hex(4)
    people = [Account(f"smoke-{who}-{mark}", settings.domain, secrets.token_urlsafe()) for who in "ab"]
    made: list[Account] = []
    try:
        for one in people:
            await make(settings, one.bare, one.password)
            made.append(one)
        yield people[0], people[1]
    finally:
        for one in made:
            await unmake(settings, one.bare)


async def _message(speaker: Visitor, listener: Visitor, to: str) -> float:
    """Say something and hear it; the seconds it took. Raises Unfit."""
    began = time.perf_counter()
    speaker.say(to, "smoke", _BODY)
    heard = await listener.hear("smoke")
    if heard != _BODY:
        raise Unfit(f"The message arrived as {heard!r}.")
    return time.perf_counter() - began
