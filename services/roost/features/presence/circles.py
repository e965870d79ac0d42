"""What the service needs of rosters: who hears of an account, and of whom it hears."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from roost.core.ports import RosterItem, Rosters

Hosted = Callable[[str], bool]
"""Whether a bare JID's domain is one that this cluster answers for."""


@dataclass(frozen=True, slots=True)
class Circle:
    """An account's roster, boiled down to those it exchanges presence with.

    The one place where contacts at other servers drop out: until there is federation, nothing can be
    sent to them and nothing is known of them.
    """

    subscribers: tuple[str, ...]
    """Those with a subscription to the account's presence: `from` and `both`."""
    subscriptions: tuple[str, ...]
    """Those whose presence the account is subscribed to: `to` and `both`."""
    requests: tuple[bytes, ...]
    """The inbound requests that wait for an answer, as they came (RFC 6121 section 3.1.3)."""

    @staticmethod
    def of(roster: Iterable[RosterItem], hosted: Hosted) -> Circle:
        """The circle of a roster, unlisted items included."""
        items = [item for item in roster if hosted(item.contact)]
        return Circle(
            tuple(item.contact for item in items if item.subscription in {"from", "both"}),
            tuple(item.contact for item in items if item.subscription in {"to", "both"}),
            tuple(item.request for item in items if item.pending_in and item.request),
        )


class Circles:
    """The circles of the accounts of one shard; the latest used are kept.

    They stay true because all changes of an account's subscriptions pass through its shard, which calls
    `drop`; a shard that changes hands begins with none.
    """

    def __init__(self, rosters: Rosters, hosted: Hosted, *, limit: int) -> None:
        """`limit` bounds how many circles are kept."""
        self._rosters = rosters
        self._hosted = hosted
        self._limit = limit
        self._kept: OrderedDict[str, Circle] = OrderedDict()

    async def load(self, owners: Sequence[str]) -> dict[str, Circle]:
        """The circles of `owners`; those not kept are read in one statement. Raises StoreUnavailable."""
        missing = [owner for owner in owners if owner not in self._kept]
        read: dict[str, Circle] = {}
        if missing:
            rosters = await self._rosters.load(missing)
            for owner, roster in zip(missing, rosters, strict=True):
                read[owner] = Circle.of(roster, self._hosted)
        found = {owner: self._kept[owner] for owner in owners if owner in self._kept} | read
        self._keep(found)
        return found

    def drop(self, owner: str) -> None:
        """The owner's roster has changed."""
        self._kept.pop(owner, None)

    def _keep(self, circles: dict[str, Circle]) -> None:
        for owner, circle in circles.items():
            self._kept[owner] = circle
            self._kept.move_to_end(owner)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)
