"""Append and publish: the one way in which anything is handed over through Redis.

A log is a stream with consecutive ids, `1-N`, `1-N+1`, …, and a sharded channel on which each entry is
published with its position N. A follower is pushed each entry; a publication that was lost shows as a
gap and is read from the stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roost.cluster.client import RedisClient
from roost.cluster.link import Done
from roost.cluster.reading import LogReader
from roost.cluster.resp import bulk
from roost.cluster.script import Script

_NOTHING = -1


class LogWriter:
    """Appends to logs of one kind."""

    def __init__(self, client: RedisClient, *, keep: int = 0, waiting: int = 0) -> None:
        """Old entries beyond `keep` are dropped; entries over `waiting` are refused; 0 for no bound."""
        self._client = client
        self._script: Script = client.script("append")
        self._tail = bulk(keep) + bulk(waiting)

    def post(self, log: str, entry: bytes, done: Done) -> None:
        """Append; `done` hears the position, or BusUnavailable as an object, also for a log that is full."""
        self._client.send(log, self._command(log, entry), done)

    async def append(self, *entries: tuple[str, bytes]) -> None:
        """Append entries, each to its log, in one round trip; raises BusUnavailable."""
        await self._client.gather([(log, self._command(log, entry)) for log, entry in entries])

    def _command(self, log: str, entry: bytes) -> bytes:
        return self._script.head(3) + bulk(log) + bulk(entry) + self._tail


class Follower:
    """One reader's place in a stream.

    `take` gets each entry in order; what it returns says whether to go on: after False nothing more comes
    until `resume`. `lost` hears of a gap that the stream can no longer fill, `gap` of each one found, and
    `rewound` of a stream that `check` found shorter than what was read of it.
    """

    __slots__ = (
        "_gap",
        "_lost",
        "_reader",
        "_reading",
        "_rewound",
        "_take",
        "behind",
        "expected",
        "heard",
        "paused",
        "stream",
    )

    def __init__(
        self,
        reader: LogReader,
        stream: str,
        take: Callable[[bytes], bool],
        *,
        expected: int = 0,
        gap: Callable[[], None] | None = None,
        lost: Callable[[], None] | None = None,
        rewound: Callable[[], None] | None = None,
    ) -> None:
        """`expected` is the first position to read; with 0 the first that is there."""
        self._reader = reader
        self._take = take
        self._gap = gap
        self._lost = lost
        self._rewound = rewound
        self._reading = _NOTHING
        self.stream = stream
        self.expected = expected
        self.heard = 0  # the position behind the last one published while this was behind
        self.behind = False
        self.paused = False

    def arrived(self, position: int, entry: bytes) -> None:
        """A publication of this log's channel."""
        if self.behind:
            self.heard = position + 1
            self.catch_up()  # which does nothing while it reads; but a read may have failed
            return
        if position < self.expected:
            return
        if position > self.expected:
            if self._gap is not None:
                self._gap()
            self.catch_up()
            return
        self.expected = position + 1
        if not self._take(entry):
            self.paused = self.behind = True

    def catch_up(self) -> None:
        """Read the stream from where this follower stands; publications count again once it is read."""
        self.behind = True
        if self._reading != _NOTHING or self.paused:
            return
        self._reading = self.expected
        self._reader.read(self.stream, self.expected, self._read)

    def check(self) -> None:
        """Catch up without trust, after a reconnection.

        Redis may have come back empty, or a replica may have taken over that had not heard everything: the
        stream is shorter than what was read of it, then, and all that it holds is read. That nothing was
        appended between its return and this check is for those to see to who cannot do without: sessions
        are entered into the registry again only after it.
        """
        self.behind = True
        self._reader.look(self.stream, self._checked)

    def resume(self) -> None:
        """Go on after a pause."""
        if self.paused:
            self.paused = False
            self.catch_up()

    def stop(self) -> None:
        """Take nothing more."""
        self.paused = self.behind = True

    def _checked(self, reply: Any) -> None:
        following = _following(reply)
        if following is None:
            return  # the client will come back, and we are asked again
        if following < self.expected:
            self.expected = self.heard = 0
            if self._rewound is not None:
                self._rewound()
        self.catch_up()

    def _read(self, reply: Any) -> None:
        """Replies and publications share one connection, in the server's order: after a read that reached
        the end, the next publication is the next position."""
        start, self._reading = self._reading, _NOTHING
        if isinstance(reply, Exception):
            return  # the client will come back, and those who follow check then
        if start != self.expected:
            self.catch_up()  # rewound meanwhile
            return
        for position, entry in zip(reply[1::2], reply[2::2], strict=True):
            if self.paused:
                return
            if position > self.expected > 0 and self._lost is not None:
                self._lost()
            self.expected = position + 1
            if not self._take(entry):
                self.paused = True
        if self.paused:
            return
        if reply[0]:
            self.behind = False
        else:
            self.catch_up()


def _following(reply: Any) -> int | None:
    """The position that a stream's next entry will have, from XINFO; None when that is not known."""
    if isinstance(reply, Exception):
        return 0 if "no such key" in str(reply) else None
    information = reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2], strict=True))
    epoch, _, position = information[b"last-generated-id"].partition(b"-")
    return int(position) + 1 if epoch == b"1" else 0


def publication(data: bytes) -> tuple[int, bytes]:
    """A publication of append.lua as (position, entry); what a newer release adds to the head is ignored."""
    head, _, entry = data.partition(b"\n")
    return int(head.partition(b"\t")[0]), entry
