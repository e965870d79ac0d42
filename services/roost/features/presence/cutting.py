"""Where a turn ends: what may be handled together, and done again together if the process dies.

The changes that a turn makes to rosters are written together, behind everything that is said because of
them. So an entry whose doing depends on such a change waits for the next turn, and no item is changed twice
in one: if this process dies after the writing, each entry that is done again finds its own change and no
later one.
"""

from __future__ import annotations

from typing import NamedTuple

from roost.core.rosters import read_removed
from roost.protocol.envelope import INBOUND_VERBS, SUBSCRIPTION_VERBS, PresenceEntry
from roost.protocol.jid import Jid
from roost.protocol.xml import parse

CHANGING = SUBSCRIPTION_VERBS | INBOUND_VERBS - {"in-probe"} | {"roster-removed"}
"""What changes a roster."""


class Step(NamedTuple):
    """One entry of a turn."""

    position: int
    entry: PresenceEntry
    contact: str
    """The item that the entry changes in the roster of its account, or nothing."""

    @staticmethod
    def of(position: int, entry: PresenceEntry) -> Step:
        """The step for an entry."""
        if entry.verb not in CHANGING:
            return Step(position, entry, "")
        try:
            return Step(position, entry, contact_of(entry))
        except Exception:  # whoever handles it will find the same, and tell of it
            return Step(position, entry, "")


def contact_of(entry: PresenceEntry) -> str:
    """The bare JID of the other one that a CHANGING entry concerns; raises what reading it raises."""
    if entry.verb == "roster-removed":
        return read_removed(entry.extra).contact
    other = "from" if entry.verb in INBOUND_VERBS else "to"
    return Jid.parse(parse(entry.raw).get(other) or "").bare


class Cut:
    """Says of entry after entry whether it is still of the same turn."""

    def __init__(self) -> None:
        """A turn begins."""
        self._changed: set[str] = set()
        self._items: set[tuple[str, str]] = set()
        self.taking = False
        """Whether the turn takes presence back from those who give up a subscription: they hear of it before
        it is written, because afterwards nobody would know that they had it. In other turns the user sees
        the change before what follows from it, as RFC 6121 section 3.1.6 wants it."""

    def takes(self, step: Step) -> bool:
        """Whether the turn takes this entry too, and goes on."""
        account = step.entry.bare
        if step.entry.verb not in CHANGING:
            return account not in self._changed
        item, taking = (account, step.contact), step.entry.verb == "in-unsubscribe"
        if item in self._items or (self._items and taking != self.taking):
            return False
        self._changed.add(account)
        self._items.add(item)
        self.taking = taking
        return True
