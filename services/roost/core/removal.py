"""The end of an account: nobody stays subscribed to it, and none of its sessions stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from roost.core.ports import Accounts, Registry


class SessionCloser(Protocol):
    """Closes sessions wherever they are."""

    async def close_session(self, bare: str, sid: str, condition: str) -> None:
        """Ask the pod of a session to close it with a stream error; raises BusUnavailable."""
        ...


class AccountRemoval:
    """Removes accounts, for their owners (XEP-0077 section 3.2) and for operators."""

    def __init__(
        self,
        accounts: Accounts,
        leave: Callable[[str], Awaitable[None]],
        registry: Registry,
        closer: SessionCloser,
    ) -> None:
        """`leave` cancels an account's subscriptions."""
        self._accounts = accounts
        self._leave = leave
        self._registry = registry
        self._closer = closer

    async def remove(self, bare: str) -> bool:
        """Remove an account and what hangs on it; False when there is none.

        Raises BusUnavailable, StoreUnavailable. Its sessions are still there until `close_sessions`.
        """
        # else contacts would stay subscribed to a name that somebody else can take
        await self._leave(bare)
        return await self._accounts.remove(bare)

    async def close_sessions(self, bare: str) -> None:
        """End the sessions of an account that is gone; raises BusUnavailable."""
        [records] = await self._registry.sessions([bare])
        for record in records:
            await self._closer.close_session(bare, record.sid, "not-authorized")
