"""What the rules need from PostgreSQL: accounts, rosters, and messages for those who are not there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from roost.protocol.scram import ScramKeys


class StoreUnavailable(Exception):  # noqa: N818 - a state, not a bug
    """PostgreSQL could not be reached in time."""


class Accounts(Protocol):
    """Accounts and their SCRAM keys; names are bare JIDs, normalised."""

    async def keys(self, bare: str) -> Sequence[ScramKeys]:
        """The account's keys, one a mechanism; empty when there is no such account."""
        ...

    async def exists(self, bare: str) -> bool:
        """Whether there is such an account."""
        ...

    async def create(self, bare: str, keys: Sequence[ScramKeys]) -> bool:
        """Make the account; False when it exists."""
        ...

    async def set_keys(self, bare: str, keys: Sequence[ScramKeys]) -> bool:
        """Replace the keys; False when there is no such account."""
        ...

    async def remove(self, bare: str) -> bool:
        """Remove the account and all that hangs on it; False when there is none."""
        ...

    async def secret(self) -> bytes:
        """32 random bytes made once for the whole cluster, for what must look the same on every pod."""
        ...


@dataclass(frozen=True, slots=True)
class RosterItem:
    """One contact in a roster (RFC 6121 section 2.1.2) with the state of the subscriptions to it."""

    contact: str
    name: str = ""
    groups: tuple[str, ...] = ()
    subscription: str = "none"
    """`none`, `to`, `from` or `both`."""
    ask: bool = False
    """True while an outbound request waits for its answer ("pending out")."""
    pending_in: bool = False
    """True while an inbound request waits for the user's answer ("pending in"). Such an item with
    subscription `none`, no ask and no `listed` is not part of the roster that the user sees."""
    approved: bool = False
    """Pre-approved (RFC 6121 section 3.4)."""
    listed: bool = True
    """False for an item that exists only to remember a pending inbound request."""
    request: bytes = b""
    """The inbound request's own bytes, kept for delivery at the next login (section 3.1.3)."""


class Rosters(Protocol):
    """Rosters; every change gives the roster a new version, which is also returned."""

    async def version(self, owner: str) -> int:
        """The roster's current version; 0 for one never changed."""
        ...

    async def load(self, owners: Sequence[str]) -> list[list[RosterItem]]:
        """The whole rosters of each owner, unlisted items included."""
        ...

    async def changes(self, owner: str, since: int) -> list[tuple[int, RosterItem | str]] | None:
        """What changed after version `since`: (version, item, or the removed contact's JID), in order.

        None when that is no longer known and the whole roster must be sent.
        """
        ...

    async def item(self, owner: str, contact: str) -> RosterItem | None:
        """One item, unlisted ones included."""
        ...

    async def change(
        self, owner: str, contact: str, change: Callable[[RosterItem | None], RosterItem | None]
    ) -> RosterChange:
        """Read, change and write one item in one transaction that locks the owner's roster.

        Raises KeyError when there is no such account.
        `change` gets the item or None and returns the new one, or None to remove it; it must be pure.
        It may raise: nothing is written then.
        """
        ...


class RosterChange(NamedTuple):
    """What `Rosters.change` did."""

    before: RosterItem | None
    after: RosterItem | None
    version: int
    """The roster's version after it; unchanged when nothing that the user sees changed."""


class OfflineMessage(NamedTuple):
    """One message that waits for its addressee."""

    id: int
    bare: str
    stored: datetime
    raw: bytes


class OfflineMessages(Protocol):
    """Messages for those who are not there (XEP-0160)."""

    def store(self, bare: str, raw: bytes, done: Callable[[str], None]) -> None:
        """Keep a message; written with all others of this loop turn in one statement.

        `done` hears `stored` once it is committed, `full` when the account has its limit of messages,
        `unknown` when there is no such account, `failed` when the database could not. Never blocks.
        """
        ...

    async def fetch(self, bare: str, limit: int) -> list[OfflineMessage]:
        """The oldest messages, in the order they were stored."""
        ...

    async def remove(self, bare: str, ids: Sequence[int]) -> None:
        """Forget messages that have been handed on."""
        ...

    async def count(self, bare: str) -> int:
        """How many messages wait."""
        ...
