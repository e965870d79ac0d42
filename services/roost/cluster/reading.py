"""Logs from the reader's side: so much is read at a time, and so many at once.

What a subscriber has not taken yet waits in Redis, which cuts the connection over a bound. A reader that
asked for all it has missed in one go would be cut, come back, and ask again, for ever.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from roost.cluster.client import RedisClient
from roost.cluster.link import Done
from roost.cluster.resp import bulk, pack

_ENTRIES = 100
_BYTES = 262_144
_AT_ONCE = 32


class LogReader:
    """What one part of a process needs of all the logs that it follows."""

    def __init__(self, client: RedisClient) -> None:
        """Asks for the script, so before `client.open`."""
        self._client = client
        self._script = client.script("read")
        self._tail = bulk(_ENTRIES) + bulk(_BYTES)
        self._under_way = 0
        self._waiting: deque[tuple[str, int, Done]] = deque()

    def read(self, log: str, position: int, done: Done) -> None:
        """Read from `position` on; `done` hears what scripts/read.lua returns, or an exception."""
        if self._under_way < _AT_ONCE:
            self._send(log, position, done)
        else:
            self._waiting.append((log, position, done))

    def look(self, log: str, done: Done) -> None:
        """Ask about a log as a whole; `done` hears the reply to XINFO STREAM, or an exception."""
        self._client.send(log, pack("XINFO", "STREAM", log), done)

    def drop(self, log: str, position: int) -> None:
        """Take what comes before a position off a log: it has been read for good."""
        self._client.send(log, pack("XTRIM", log, "MINID", f"1-{position}"), _ignore)

    def _send(self, log: str, position: int, done: Done) -> None:
        self._under_way += 1
        command = self._script.head(3) + bulk(log) + bulk(position) + self._tail
        self._client.send(log, command, _Reading(self, done))

    def ended(self) -> None:
        """One of those under way has ended."""
        self._under_way -= 1
        if self._waiting:
            self._send(*self._waiting.popleft())


def _ignore(_reply: Any) -> None:
    """What could not be dropped now is dropped next time."""


class _Reading:
    """Hears the reply to one read."""

    __slots__ = ("_done", "_reader")

    def __init__(self, reader: LogReader, done: Done) -> None:
        self._reader = reader
        self._done = done

    def __call__(self, reply: Any) -> None:
        self._reader.ended()
        self._done(reply)
