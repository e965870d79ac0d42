"""A day of presence, made short: people come, go away, change, and go, in front of their contacts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from locust import task

from loadtest.users.person import Person

_SHOWS = ("", "away", "chat", "dnd", "xa")


class PresenceDay(Person):
    """One of a group in which everybody knows everybody."""

    weight = 5

    def neighbours(self) -> Sequence[int]:
        """The rest of the group."""
        size = self.ground.settings.contacts + 1
        first = self.position // size * size
        return [position for position in range(first, first + size) if position != self.position]

    @task(8)
    def change(self) -> None:
        """Another status."""
        self.rest()
        self.show(self.devices[0], random.choice(_SHOWS))  # noqa: S311

    @task(1)
    def go_and_come(self) -> None:
        """Log out, and log in again after a while."""
        self.rest()
        self.leave(self.devices[0])
        self.rest()
        self.devices[0].insist()
        self.appear(self.devices[0])
