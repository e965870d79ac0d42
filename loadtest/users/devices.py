"""People with several devices, of which one is switched off now and then.

Carbons (XEP-0280) and the archive (XEP-0313) take part where the server says that it has them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from locust import task

from loadtest.users.device import Device
from loadtest.users.ground import ARCHIVE
from loadtest.users.person import Person
from loadtest.xmpp.place import Disconnected, Refused

CATCH_UP = "archive catch-up"
_PAGE = 50  # messages


class Devices(Person):
    """Writes from any of its devices to any of its partner's."""

    weight = 2

    def neighbours(self) -> Sequence[int]:
        """The partner."""
        return (self.position ^ 1,)

    def sessions(self) -> int:
        """As many as the settings say."""
        return self.ground.settings.devices

    @task(8)
    def talk(self) -> None:
        """Write to one of the partner's devices."""
        self.rest()
        for contact in self.contacts:
            if contact.resources:
                self.voice.say(self._any(), contact, random.choice(sorted(contact.resources)))  # noqa: S311

    @task(1)
    def switch(self) -> None:
        """Switch a device off, and on again after a while."""
        device = self._any()
        self.leave(device)
        self.rest()
        device.insist()
        self.appear(device)
        self._catch_up(device)

    def _any(self) -> Device:
        return random.choice(self.devices)  # noqa: S311

    def _catch_up(self, device: Device) -> None:
        """Ask the archive for the latest page (XEP-0313 section 4.1)."""
        session = device.session
        if session is None or ARCHIVE not in self.ground.features(session):
            return
        began = time.perf_counter()
        failure = None
        try:
            session.ask(
                "set",
                f"<query xmlns='{ARCHIVE}'><set xmlns='http://jabber.org/protocol/rsm'>"
                f"<max>{_PAGE}</max><before/></set></query>",
            )
        except (Refused, Disconnected) as error:
            failure = str(error)
        self.ground.report(CATCH_UP, time.perf_counter() - began, failure=failure)
