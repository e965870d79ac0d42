"""Commands that wait while their server is away: bounded in number, size and time, and kept in order."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from roost.cluster.link import Done, Sent
from roost.core.ports import BusUnavailable

_MOST = 20_000  # commands
_MOST_BYTES = 64 * 1024 * 1024


class _Late:
    """Hears the reply to a command that had to wait, and keeps its deadline if it must wait again."""

    __slots__ = ("deadline", "done")

    def __init__(self, deadline: float, done: Done) -> None:
        self.deadline = deadline
        self.done = done

    def __call__(self, reply: Any) -> None:
        self.done(reply)


class Held:
    """The commands. `keys` are theirs: what is given for one of them later must wait behind."""

    def __init__(self, seconds: float) -> None:
        """A command is kept for `seconds` at the most, however often it is tried."""
        self.keys: set[str] = set()
        self.refused = 0
        """Commands that were not kept, or not long enough."""
        self._seconds = seconds
        self._bytes = 0
        # What a server gave back was sent before all that was never sent: in two lines the order is kept.
        self._returned: deque[Sent] = deque()
        self._fresh: deque[Sent] = deque()

    def __len__(self) -> int:
        return len(self._returned) + len(self._fresh)

    def keep(self, sent: Sent, *, returned: bool = False) -> None:
        """Keep a command; `returned` says that it was sent, and not executed."""
        done, key, command = sent
        if len(self) >= _MOST or self._bytes >= _MOST_BYTES:
            self.refused += 1
            done(BusUnavailable("Redis is away, and too many wait for it"))
            return
        late = done if type(done) is _Late else _Late(time.monotonic() + self._seconds, done)
        (self._returned if returned else self._fresh).append((late, key, command))
        self.keys.add(key)
        self._bytes += len(command)

    def release(self) -> list[Sent]:
        """Give all up, in order; those whose time is over hear of it and are left out."""
        now = time.monotonic()
        everything = [*self._returned, *self._fresh]
        self._forget()
        for late, _key, _command in everything:
            if _deadline(late) < now:
                self.refused += 1
                late(BusUnavailable("Redis was away for too long"))
        return [sent for sent in everything if _deadline(sent[0]) >= now]

    def fail(self) -> None:
        """Tell all that it will not be."""
        everything = [*self._returned, *self._fresh]
        self._forget()
        for late, _key, _command in everything:
            late(BusUnavailable("Redis is away"))

    def _forget(self) -> None:
        self._returned.clear()
        self._fresh.clear()
        self.keys.clear()
        self._bytes = 0


def _deadline(done: Done) -> float:
    assert isinstance(done, _Late)
    return done.deadline
