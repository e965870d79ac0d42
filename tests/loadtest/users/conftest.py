"""A run's common ground without Locust, which would change the sockets of this whole process."""

from __future__ import annotations

import itertools

import gevent
import pytest
from gevent.event import Event
from loadtest.users.contacts import Contact, Contacts
from loadtest.users.device import Device
from loadtest.users.ground import Ground
from loadtest.users.hearing import Hearing
from loadtest.users.numbering import Numbering
from loadtest.users.voice import Voice
from loadtest.xmpp.login import register

SECONDS = 10
_names = itertools.count()


class Reported:
    """What Locust has been told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None]] = []

    def fire(self, *, name, exception, **_more) -> None:
        self.requests.append((name, exception))

    def until(self, name: str, failure: str | None = None, times: int = 1) -> None:
        """Wait until that has been told so often."""
        with gevent.Timeout(SECONDS, AssertionError(f"no {name} ({failure}) in {self.requests}")):
            while self.requests.count((name, failure)) < times:
                gevent.sleep(0.01)  # Locust only calls, it cannot be waited for


@pytest.fixture
def reported():
    return Reported()


@pytest.fixture
def ground(settings, somewhere, reported):
    account = f"neighbour{next(_names)}x{{}}"
    found = Ground(
        settings("--account", account, "--deadline", "5"),
        somewhere,
        Numbering(0, 1, ["Chat"]),
        reported.fire,
        lambda rank, claims: None,
    )
    yield found
    found.close()


class Neighbour:
    """A user with one session, and one contact: the other one."""

    def __init__(self, ground: Ground, position: int) -> None:
        other = ground.settings.name(position ^ 1)
        domain = ground.place.domain
        self.contact = Contact(position ^ 1, other, f"{other}@{domain}")
        self.contacts = Contacts([self.contact])
        self.voice = Voice(ground, position, self.contacts)
        self.broke = Event()
        self.account = ground.account(position)
        hear = Hearing(ground, self.contacts, self.voice).hear
        self.device = Device(ground, self.account, position, 0, hear, self.broke)
        self.ground = ground

    def appear(self) -> None:
        """Log in, become available, and want the other's presence."""
        assert self.device.enter()
        self.voice.show(self.device)
        self.ground.ledger.online(self.device.address)
        self.device.send(f"<presence to='{self.contact.jid}' type='subscribe'/>")

    def until_seen(self) -> None:
        """Wait until the contact is there."""
        with gevent.Timeout(SECONDS, AssertionError("the contact does not come")):
            while not self.contact.resources:
                gevent.sleep(0.01)  # a set cannot be waited for


@pytest.fixture
def neighbours(ground):
    made = [Neighbour(ground, position) for position in (0, 1)]
    for one in made:
        register(ground.place, ground.place.address(0), one.account)
    for one in made:
        one.appear()
    for one in made:
        one.until_seen()
    yield made
    for one in made:
        one.device.leave()
