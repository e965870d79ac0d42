"""Commands that are sent together, and whose replies are waited for together."""

from __future__ import annotations

import asyncio
from typing import Any


class Together:
    """The replies to commands that were sent together."""

    __slots__ = ("complete", "left", "replies")

    def __init__(self, count: int) -> None:
        """`complete` is done when there are `count` replies."""
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = count
        self.replies: list[Any] = [None] * count


class Part:
    """Hears one of them; replies come in any order where a command was sent to another server again."""

    __slots__ = ("_at", "_together")

    def __init__(self, together: Together, at: int) -> None:
        """Hears the reply that belongs at `at`."""
        self._together = together
        self._at = at

    def __call__(self, reply: Any) -> None:
        """The reply, or an exception object."""
        together = self._together
        together.replies[self._at] = reply
        together.left -= 1
        if not together.left and not together.complete.done():
            together.complete.set_result(None)
