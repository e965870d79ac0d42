"""Logins, one after the other, by everybody."""

from __future__ import annotations

from locust import task

from loadtest.users.person import Person


class LoginStorm(Person):
    """Logs in, becomes available, and leaves."""

    weight = 1

    def begin(self) -> None:
        """The storm is all there is."""

    @task
    def come_and_go(self) -> None:
        """One visit."""
        [device] = self.devices
        self.rest()
        device.insist()
        self.appear(device)
        self.rest(0.2)
        self.leave(device)
