"""What a user says: stamped, and claimed where it is to arrive."""

from __future__ import annotations

import itertools
import time

from loadtest.delivery.ledger import MESSAGE, PRESENCE, RETURNED, Claim
from loadtest.delivery.stamp import Stamp, between, new_flow
from loadtest.users.contacts import Contact, Contacts
from loadtest.users.device import Device
from loadtest.users.ground import Ground
from roost.protocol import namespaces as ns

_TEXT = (
    "Hello there, how are you doing today? This is a message as long as people "
    "usually write them on a telephone, or a little longer."
)


class Voice:
    """One user's, whichever session it speaks through."""

    def __init__(self, ground: Ground, number: int, contacts: Contacts) -> None:
        """`number` is the user's."""
        self._ground = ground
        self._contacts = contacts
        self._flow = new_flow(str(number))
        self._sent: dict[tuple[str, str], int] = {}
        self._presences = itertools.count(1)

    def say(self, device: Device, contact: Contact, resource: str) -> None:
        """A message to one session of a contact."""
        # from session to session, because only between two full JIDs messages are in order
        flow = between(self._flow, device.resource, resource)
        way = flow, contact.name
        stamp = Stamp(flow, self._sent.get(way, 0) + 1, time.time())
        sent = device.send(
            f"<message to='{contact.jid}/{resource}' type='chat' id='{stamp.id()}'><body>{_TEXT}</body>"
            f"<active xmlns='{ns.CHAT_STATES}'/></message>"
        )
        if sent:
            self._sent[way] = stamp.number
            self._claim(MESSAGE, contact, resource, stamp)

    def show(self, device: Device, show: str = "", type: str = "") -> None:
        """Presence for all contacts: `show` is `away`, `dnd` and so on; `type` may be `unavailable`."""
        stamp = Stamp(f"{self._flow}:{device.resource}", next(self._presences), time.time())
        kind = f" type='{type}'" if type else ""
        said = f"<show>{show}</show>" if show else ""
        text = f"<presence{kind} id='{stamp.id()}'>{said}<status>number {stamp.number}</status></presence>"
        if device.send(text):
            for contact in self._contacts:
                for resource in contact.resources:
                    self._claim(PRESENCE, contact, resource, stamp)

    def withdraw(self, contact: Contact, resource: str, stamp: Stamp) -> None:
        """A message came back: it will not arrive, and is not lost either."""
        self._claim(RETURNED, contact, resource, stamp)

    def _claim(self, kind: str, contact: Contact, resource: str, stamp: Stamp) -> None:
        rank = self._ground.numbering.rank_of(contact.position)
        claim = Claim(kind, f"{contact.name}/{resource}", stamp.flow, stamp.number, stamp.sent_at)
        self._ground.couriers.claim(rank, claim)
