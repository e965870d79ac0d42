"""People with slixmpp, an XMPP client library that we did not write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import slixmpp
from running import Cluster, Pod

_DEADLINE = 10  # seconds
_PLUGINS = ("xep_0030", "xep_0077", "xep_0092", "xep_0115", "xep_0199", "xep_0202", "xep_0203")
_PRESENCES = ("available", "away", "unavailable", "subscribe", "subscribed")  # as slixmpp names them
PASSWORD = "but soft! what light"


class Person(slixmpp.ClientXMPP):  # type: ignore[misc]
    """A client that keeps what it gets until a test asks for it."""

    def __init__(self, cluster: Cluster, name: str, *, register: bool) -> None:
        super().__init__(f"{name}@{cluster.domain}", PASSWORD)
        for plugin in _PLUGINS:
            self.register_plugin(plugin)
        if register:
            self.plugin["xep_0077"].force_registration = True
            self.add_event_handler("register", self._register)
        self.ca_certs = cluster.authority
        self.auto_authorize = None  # the tests say what is answered
        self.messages: asyncio.Queue[slixmpp.Message] = asyncio.Queue()
        self.presences: asyncio.Queue[slixmpp.Presence] = asyncio.Queue()
        self.add_event_handler("message", self.messages.put_nowait)
        for kind in _PRESENCES:
            self.add_event_handler(f"presence_{kind}", self.presences.put_nowait)

    async def log_in(self, pod: Pod, *, direct_tls: bool) -> None:
        """Connect to this pod and no other, come online and fetch the roster."""
        self.enable_direct_tls, self.enable_starttls = direct_tls, not direct_tls
        started = asyncio.ensure_future(self.wait_until("session_start", _DEADLINE))
        self.connect("127.0.0.1", pod.direct_tls_port if direct_tls else pod.starttls_port)
        await started
        await self.get_roster()
        self.send_presence()

    async def hears(self, sender: str) -> slixmpp.Message:
        """The next message, which must be from this JID, full or bare."""
        message = await asyncio.wait_for(self.messages.get(), _DEADLINE)
        assert sender in {message["from"].full, message["from"].bare}
        return message

    async def sees(self, kind: str, sender: str) -> slixmpp.Presence:
        """Wait for presence of this type from this JID, full or bare; drops what comes before."""

        def fits(presence: Any) -> bool:
            return presence.get_type() == kind and sender in {presence["from"].full, presence["from"].bare}

        async with asyncio.timeout(_DEADLINE):
            while not fits(presence := await self.presences.get()):
                pass
        return presence

    async def _register(self, _form: Any) -> None:
        request = self.Iq()
        request["type"] = "set"
        request["register"]["username"] = self.boundjid.user
        request["register"]["password"] = self.password
        await request.send()


@asynccontextmanager
async def online(
    cluster: Cluster, name: str, pod: Pod, *, register: bool = False, direct_tls: bool = False
) -> AsyncIterator[Person]:
    """This person, online on this pod; logs out at the end."""
    person = Person(cluster, name, register=register)
    try:
        await person.log_in(pod, direct_tls=direct_tls)
        yield person
    finally:
        await person.disconnect()


async def befriend(one: Person, other: Person) -> None:
    """Each asks for the other's presence and gets it (RFC 6121 section 3.1)."""
    for asking, answering in ((one, other), (other, one)):
        asking.send_presence_subscription(answering.boundjid.bare)
        await answering.sees("subscribe", asking.boundjid.bare)
        answering.send_presence(pto=asking.boundjid.bare, ptype="subscribed")
        await asking.sees("subscribed", answering.boundjid.bare)
        await asking.sees("available", answering.boundjid.full)
