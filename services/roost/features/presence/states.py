"""Between roster items and the table of subscription states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from roost.core.ports import RosterItem
from roost.core.rosters import visible
from roost.protocol.subscription import State, Transition, inbound, outbound

Table = Callable[[State, str], Transition]


def state_of(item: RosterItem | None) -> State:
    """Where an item stands; a contact that is in no roster is in state `none`."""
    if item is None:
        return State()
    return State(item.subscription, item.ask, item.pending_in, item.approved)


class Move:
    """One subscription stanza's doing to a roster item: a function for `Rosters.change`, pure."""

    def __init__(self, table: Table, type: str, contact: str, request: bytes = b"") -> None:
        """`request` is kept with the item while an inbound request of these bytes waits for its answer."""
        self._table = table
        self._type = type
        self._contact = contact
        self._request = request

    @staticmethod
    def outbound(type: str, contact: str) -> Move:
        """The user's own stanza."""
        return Move(outbound, type, contact)

    @staticmethod
    def inbound(type: str, contact: str, request: bytes) -> Move:
        """The contact's stanza."""
        return Move(inbound, type, contact, request)

    def transition(self, item: RosterItem | None) -> Transition:
        """What the table says."""
        return self._table(state_of(item), self._type)

    def __call__(self, item: RosterItem | None) -> RosterItem | None:
        """The item afterwards; None for one that need not be remembered."""
        state = self.transition(item).state
        old = item if item is not None else RosterItem(self._contact, listed=False)
        request = (old.request or self._request) if state.pending_in else b""
        new = replace(
            old,
            subscription=state.subscription,
            ask=state.ask,
            pending_in=state.pending_in,
            approved=state.approved,
            request=request,
        )
        if visible(new):
            # what the user has seen once stays in the roster until it is removed (RFC 6121 section 2.5)
            return replace(new, listed=True)
        return new if new.pending_in else None
