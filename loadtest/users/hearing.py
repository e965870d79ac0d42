"""What a user hears: messages and presence for the ledger, subscriptions to be answered."""

from __future__ import annotations

import time

from loadtest.delivery import stamp as stamps
from loadtest.delivery.ledger import RETURNED
from loadtest.delivery.stamp import Stamp
from loadtest.users.contacts import Contact, Contacts
from loadtest.users.device import Device
from loadtest.users.ground import CARBONS, Ground
from loadtest.users.voice import Voice
from loadtest.xmpp.login import condition
from roost.protocol import namespaces as ns
from roost.protocol.stanza import Stanza

CARBON = "carbon (end to end)"
_CARBONS = {f"{CARBONS}}}received", f"{CARBONS}}}sent"}


class Hearing:
    """One user's, for all its sessions."""

    def __init__(self, ground: Ground, contacts: Contacts, voice: Voice) -> None:
        """`voice` answers."""
        self._ground = ground
        self._contacts = contacts
        self._voice = voice

    def hear(self, device: Device, stanza: Stanza) -> None:
        """A message, presence or roster push has come for one of the sessions."""
        if stanza.kind == "message":
            self._message(device, stanza)
        elif stanza.kind == "presence":
            self._presence(device, stanza)
        else:
            self._contacts.note_roster(stanza.tree())

    # --- messages ---

    def _message(self, device: Device, stanza: Stanza) -> None:
        stamp = stamps.read(stanza.id)
        if stamp is not None and stanza.type == "error":
            self._return(stanza, stamp)
        elif stamp is not None:
            self._ground.ledger.message(device.address, stamp, len(stanza.raw))
        elif stanza.payload in _CARBONS:
            self._carbon(stanza)

    def _return(self, stanza: Stanza, stamp: Stamp) -> None:
        self._ground.report(RETURNED, time.time() - stamp.sent_at, failure=condition(stanza))
        contact = self._contacts.find(stanza.sender)
        if contact is not None and stanza.sender is not None:
            self._voice.withdraw(contact, stanza.sender.partition("/")[2], stamp)

    def _carbon(self, stanza: Stanza) -> None:
        """XEP-0280: what another session of ours received or sent."""
        for inner in stanza.tree()[0].iter(f"{{{ns.CLIENT}}}message"):
            stamp = stamps.read(inner.get("id"))
            if stamp is not None:
                self._ground.report(CARBON, max(time.time() - stamp.sent_at, 0.0), len(stanza.raw))

    # --- presence ---

    def _presence(self, device: Device, stanza: Stanza) -> None:
        contact = self._contacts.find(stanza.sender)
        if contact is None:
            return
        if stanza.type == "subscribe":
            self._welcome(device, contact)
        elif stanza.type in {None, "unavailable"}:
            self._note(contact, stanza)
            stamp = stamps.read(stanza.id)
            if stamp is not None:
                self._ground.ledger.presence(device.address, stamp, len(stanza.raw))

    @staticmethod
    def _note(contact: Contact, stanza: Stanza) -> None:
        resource = (stanza.sender or "").partition("/")[2]
        if stanza.type is None:
            contact.resources.add(resource)
        else:
            contact.resources.discard(resource)

    @staticmethod
    def _welcome(device: Device, contact: Contact) -> None:
        """Somebody wants our presence: they get it, and we want theirs (RFC 6121 section 3.1)."""
        if not device.first:
            return  # that session has answered
        device.send(f"<presence to='{contact.jid}' type='subscribed'/>")
        if not contact.subscribed:
            device.send(f"<presence to='{contact.jid}' type='subscribe'/>")
