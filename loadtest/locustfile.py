"""`locust -f loadtest/locustfile.py --host xmpp://...`: XMPP users for Locust; see docs/load-testing.md.

A further scenario is a class in a file of its own and a line here.
"""

from locust import events

from loadtest.hooks import attach
from loadtest.users.chat import Chat
from loadtest.users.devices import Devices
from loadtest.users.login_storm import LoginStorm
from loadtest.users.presence_day import PresenceDay
from loadtest.users.reconnect_herd import ReconnectHerd

attach(
    events,
    {
        "chat": Chat,
        "devices": Devices,
        "login-storm": LoginStorm,
        "presence-day": PresenceDay,
        "reconnect-herd": ReconnectHerd,
    },
)
