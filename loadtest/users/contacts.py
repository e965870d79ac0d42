"""The people a user knows: who is there, and what is still missing in the roster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from roost.protocol import namespaces as ns
from roost.protocol.xml import Element


@dataclass(slots=True)
class Contact:
    """Another user of the load test."""

    position: int
    name: str
    jid: str
    """Bare."""
    resources: set[str] = field(default_factory=set)
    """Where they are available, as far as we heard."""
    subscribed: bool = False
    """Whether we get their presence."""


class Contacts:
    """All of them."""

    def __init__(self, contacts: Iterable[Contact]) -> None:
        """Each JID is one contact."""
        self._by_jid = {contact.jid: contact for contact in contacts}

    def __iter__(self) -> Iterator[Contact]:
        return iter(self._by_jid.values())

    def find(self, jid: str | None) -> Contact | None:
        """Whose full or bare JID that is."""
        return self._by_jid.get((jid or "").partition("/")[0])

    def gone(self) -> None:
        """We are not there to hear of them."""
        for contact in self:
            contact.resources.clear()

    def note_roster(self, query: Element) -> None:
        """What a roster, or a push of a part of it, says (RFC 6121 section 2.1)."""
        for item in query.iter(f"{{{ns.ROSTER}}}item"):
            contact = self.find(item.get("jid"))
            if contact is not None:
                contact.subscribed = item.get("subscription") in {"to", "both"}

    def strangers(self) -> list[Contact]:
        """Those whose presence we do not get yet."""
        return [contact for contact in self if not contact.subscribed]
