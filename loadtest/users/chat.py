"""One to one: pairs that write to each other, and think in between."""

from __future__ import annotations

from collections.abc import Sequence

from locust import task

from loadtest.users.person import Person


class Chat(Person):
    """Half of a pair; the two sit on different addresses of the server, and on different workers."""

    weight = 10

    def neighbours(self) -> Sequence[int]:
        """The other half."""
        return (self.position ^ 1,)

    @task
    def talk(self) -> None:
        """Think, and write, if there is somebody to read it."""
        self.rest()
        for contact in self.contacts:
            for resource in contact.resources:
                self.voice.say(self.devices[0], contact, resource)
