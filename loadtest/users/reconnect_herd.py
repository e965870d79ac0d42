"""Everybody is cut off at the same moment and wants to be back."""

from __future__ import annotations

import random
import time

import gevent
from locust import task

from loadtest.users.device import RECONNECT
from loadtest.users.person import Person


class ReconnectHerd(Person):
    """Is there; is cut off together with all others, by the clock; returns within the jitter."""

    weight = 2

    @task
    def be_cut_off(self) -> None:
        """One outage."""
        self.rest(0.0)
        every = self.ground.settings.herd_every
        if self.broke.wait(every - time.time() % every):
            return  # it was the server's doing; the next rest mends it
        if self.ground.quiet:
            return
        [device] = self.devices
        device.cut()
        gevent.sleep(random.uniform(0, self.ground.settings.jitter))  # noqa: S311
        device.insist(RECONNECT)
        self.appear(device)
