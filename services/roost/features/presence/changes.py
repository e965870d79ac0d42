"""What one turn changes in rosters: read together, told together, written together, pushed together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from roost.core.ports import (
    Accounts,
    Bus,
    Choice,
    RosterChange,
    RosterItem,
    Rosters,
    StoreUnavailable,
)
from roost.core.rosters import Pushed, RosterPushes
from roost.features.presence.cutting import CHANGING, Step
from roost.features.presence.turn import Turn

Change = Callable[[RosterItem | None], RosterItem | None]
OnBug = Callable[[str, Exception], None]


class Changes:
    """The roster changes of one turn, no item twice (see cutting)."""

    def __init__(
        self,
        turn: Turn,
        rosters: Rosters,
        accounts: Accounts,
        pushes: RosterPushes,
        bus: Bus,
        *,
        again: bool,
    ) -> None:
        """Belongs to one turn; `again` says that it may have been begun before."""
        self._turn = turn
        self._rosters = rosters
        self._accounts = accounts
        self._pushes = pushes
        self._bus = bus
        self._again = again
        self._items: dict[tuple[str, str], RosterItem | None] = {}
        self._there: dict[str, bool] = {}
        self._stanzas: list[tuple[str, Choice, bytes]] = []
        self._asked: list[tuple[str, str, Change]] = []

    async def load(self, steps: Sequence[Step]) -> None:
        """Read what the steps that change something will ask for. Raises StoreUnavailable."""
        changing = [step for step in steps if step.entry.verb in CHANGING]
        if not changing:
            return
        pairs = [(step.entry.bare, step.contact) for step in changing]
        asked = list({step.entry.bare for step in changing if step.entry.verb == "in-subscribe"})
        items, there = await asyncio.gather(
            asyncio.gather(*(self._rosters.item(*pair) for pair in pairs)),
            asyncio.gather(*map(self._accounts.exists, asked)),
        )
        self._items.update(zip(pairs, items, strict=True))
        self._there.update(zip(asked, there, strict=True))

    def item(self, owner: str, contact: str) -> RosterItem | None:
        """The item as it was when the turn began."""
        return self._items[owner, contact]

    def exists(self, owner: str) -> bool:
        """Whether there is an account of that name, for one who is asked for a subscription."""
        return self._there[owner]

    def deliver(self, owner: str, choice: Choice, raw: bytes) -> None:
        """Have a stanza delivered to the owner's sessions before anything is written."""
        self._stanzas.append((owner, choice, raw))

    def make(self, owner: str, contact: str, change: Change) -> None:
        """Have an item changed, and the change pushed."""
        self._asked.append((owner, contact, change))

    async def say(self) -> None:
        """Deliver, in order; raises BusUnavailable."""
        if self._stanzas:
            await asyncio.gather(
                *(self._bus.deliver_now(owner, choice, "", raw) for owner, choice, raw in self._stanzas)
            )

    async def write(self, on_bug: OnBug) -> None:
        """Change and push, in order. Raises BusUnavailable, StoreUnavailable: all is to be done again.

        `on_bug` hears of a change that failed in a way that is ours to mend, and whose roster it was.
        """
        if not self._asked:
            return
        outcomes = await asyncio.gather(
            *(self._rosters.change(*one) for one in self._asked), return_exceptions=True
        )
        done: list[Pushed] = []
        away: StoreUnavailable | None = None
        for (owner, contact, _change), outcome in zip(self._asked, outcomes, strict=True):
            self._turn.changed(owner)
            if isinstance(outcome, RosterChange):
                done.append(Pushed(owner, contact, outcome, self._again))
            elif isinstance(outcome, StoreUnavailable):
                away = outcome
            elif isinstance(outcome, Exception) and not isinstance(outcome, KeyError):
                on_bug(owner, outcome)  # KeyError: the account has been removed, and its roster with it
        if away is not None:
            raise away
        await self._pushes.push(done)
