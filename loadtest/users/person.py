"""A user as Locust sees it: an account, its sessions, its contacts; scenarios say what it does with them."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from typing import ClassVar

import gevent
from gevent.event import Event
from locust import User, constant
from locust.exception import StopTest, StopUser

from loadtest.users.contacts import Contact, Contacts
from loadtest.users.device import RECONNECT, Device
from loadtest.users.ground import CARBONS, Ground
from loadtest.users.hearing import Hearing
from loadtest.users.voice import Voice
from loadtest.xmpp.login import CLOSED, register
from loadtest.xmpp.place import Disconnected, Refused
from loadtest.xmpp.session import Session
from roost.protocol import namespaces as ns

REGISTER = "register"
ROSTER = "roster"


class Person(User):
    """Logs in when it starts, keeps its sessions alive, and leaves when it is stopped."""

    abstract = True
    wait_time = constant(0)  # tasks rest themselves, so that a broken connection ends the rest
    stage: ClassVar[Ground | None] = None
    """Set for each run."""

    # --- for scenarios to choose ---

    def neighbours(self) -> Sequence[int]:
        """The positions of the contacts."""
        return ()

    def sessions(self) -> int:
        """How many the account has."""
        return 1

    def begin(self) -> None:
        """Come online."""
        for device in self.devices:
            device.insist()
            self.appear(device)

    # --- Locust's calls ---

    def on_start(self) -> None:
        """Take a number and an account, and begin."""
        ground = type(self).stage
        if ground is None:
            raise StopTest("the load test has not been set up; see the log")
        if ground.numbering.rank < 0:
            raise StopUser("this worker came after the start; start the test again to have it take part")
        self.ground = ground
        self.scenario = type(self).__name__
        self.position = ground.numbering.take(self.scenario)
        number = ground.numbering.number(self.scenario, self.position)
        self.account = ground.account(number)
        self.contacts = Contacts(self._contact(position) for position in self.neighbours())
        self.voice = Voice(ground, number, self.contacts)
        self.broke = Event()
        hear = Hearing(ground, self.contacts, self.voice).hear
        self.devices = [
            # neighbours, and sessions of one account, take different addresses of the server
            Device(ground, self.account, self.position + index, index, hear, self.broke)
            for index in range(self.sessions())
        ]
        self._register()
        self.begin()

    def on_stop(self) -> None:
        """Leave everything as if nobody had been here."""
        for device in getattr(self, "devices", ()):
            self.ground.ledger.forget(device.address)
            device.leave()
        if hasattr(self, "position"):
            self.ground.numbering.give_back(self.scenario, self.position)

    # --- what a person does ---

    def rest(self, share: float = 1.0) -> None:
        """Think, `share` of the usual time; a broken connection is mended first, and ends the rest."""
        self.mend()
        seconds = self.ground.settings.think * share * random.uniform(0.5, 1.5)  # noqa: S311
        if self.broke.wait(seconds):
            self.mend()
        while self.ground.quiet:
            gevent.sleep(1)  # until Locust stops us

    def mend(self) -> None:
        """Reconnect what is broken."""
        while self.broke.is_set():
            self.broke.clear()
            for device in self.devices:
                if device.broken:
                    device.insist(RECONNECT)
                    self.appear(device)

    def appear(self, device: Device) -> None:
        """Ask for the roster, become available, and ask contacts for their presence if need be.

        A session that was resumed has all of that already.
        """
        if device.session is None or device.resumed:
            return
        try:
            self._prepare(device.session)
        except Refused as error:
            self.ground.report(ROSTER, None, failure=str(error))
        except Disconnected:
            return  # it will be mended
        self.show(device)
        self.ground.ledger.online(device.address)
        if device.first:
            for contact in self.contacts.strangers():
                device.send(f"<presence to='{contact.jid}' type='subscribe'/>")

    def show(self, device: Device, show: str = "") -> None:
        """Tell the contacts how one is: `away`, `dnd` and so on."""
        self.voice.show(device, show)

    def leave(self, device: Device) -> None:
        """Say goodbye and end the session."""
        self.voice.show(device, type="unavailable")
        device.leave()
        if not any(other.connected for other in self.devices):
            self.contacts.gone()

    def _prepare(self, session: Session) -> None:
        began = time.perf_counter()
        answer = session.ask("get", f"<query xmlns='{ns.ROSTER}'/>")
        self.ground.report(ROSTER, time.perf_counter() - began, len(answer.raw))
        self.contacts.note_roster(answer.tree())
        if CARBONS in self.ground.features(session):
            session.ask("set", f"<enable xmlns='{CARBONS}'/>")

    def _contact(self, position: int) -> Contact:
        name = self.ground.settings.name(self.ground.numbering.number(self.scenario, position))
        return Contact(position, name, f"{name}@{self.ground.place.domain}")

    def _register(self) -> None:
        ground = self.ground
        if not ground.registering:
            return
        began = time.perf_counter()
        failure = None
        try:
            register(ground.place, ground.place.address(self.position), self.account)
        except (Refused, Disconnected) as error:
            failure = str(error)
        if failure == CLOSED:
            ground.registering = False
        else:
            ground.report(REGISTER, time.perf_counter() - began, failure=failure)
