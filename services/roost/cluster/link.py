"""One connection to one Redis server: commands of a loop turn in one write, replies to callbacks."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from roost.cluster.resp import pack
from roost.core.ports import BusUnavailable
from roost.runtime.figures import SIZES, Histogram
from roost.runtime.logging import logger

Done = Callable[[Any], None]
"""Hears a reply; an error reply or a lost connection comes as an exception object."""
OnPush = Callable[[list[Any]], None]
Sent = tuple[Done, str, bytes]
"""What is kept of a command until its reply: who hears it, its key, its bytes."""
OnError = Callable[[Sent, Exception], bool]
"""Asked first about an error reply; True when the one who waits shall not hear of it."""
OnLost = Callable[["Link", Exception | None], None]

_log = logger("roost.redis")
_INCOMPLETE = object()
_MOST_WAITING = 500_000  # replies awaited of a server that has stopped to answer
_PING = pack("PING")


class _Subscribing:
    """Stands in the line of awaited replies for a subscription, which answers with a push or an error."""

    __slots__ = ("channel", "refused")

    def __init__(self, channel: bytes, refused: Callable[[bytes, Exception], None]) -> None:
        self.channel = channel
        self.refused = refused


class _Leaving:
    """Stands for SUNSUBSCRIBE and the PING behind it.

    SUNSUBSCRIBE answers with a push, which looks like that of a channel taken away with its slot, or with
    an error when both cross. Only the PING's reply surely ends it, and keeps the line in step.
    """

    __slots__ = ("channel",)

    def __init__(self, channel: bytes) -> None:
        self.channel = channel


class Load:
    """What all links of a client have carried, and what not."""

    __slots__ = ("batches", "drops")

    def __init__(self) -> None:
        """Nothing yet."""
        self.batches = Histogram(SIZES)
        """Commands in one write."""
        self.drops: Counter[str] = Counter()
        """Commands that got no further, by reason."""


class Link(asyncio.Protocol):
    """A pipelined RESP3 connection. Replies and publications share it, in the server's order."""

    def __init__(self, on_push: OnPush, on_error: OnError, on_lost: OnLost, load: Load) -> None:
        """`on_push` hears publications and channels taken away, `on_lost` the end, once; what is carried
        counts in `load`."""
        self._load = load
        self._on_push = on_push
        self._on_error = on_error
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._waiting: deque[Sent | _Subscribing | _Leaving] = deque()
        self._leaving: set[bytes] = set()
        self._out: list[bytes] = []
        self._flushing = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self.lost = False
        self.address = ""

    # --- commands ---

    def send(self, command: bytes, done: Done, key: str = "") -> None:
        """Send a packed command at the end of this loop turn; `done` hears the reply."""
        if self.lost or len(self._waiting) >= _MOST_WAITING:
            self._load.drops["redis-behind"] += not self.lost
            done(BusUnavailable("the connection to Redis is lost, or does not answer"))
            return
        self._waiting.append((done, key, command))
        self._out.append(command)
        if not self._flushing:
            self._flush_soon()

    def _put(self, awaited: _Subscribing | _Leaving, command: bytes) -> None:
        self._waiting.append(awaited)
        self._out.append(command)
        if not self._flushing:
            self._flush_soon()

    def _flush_soon(self) -> None:
        self._flushing = True
        self._loop.call_soon(self._flush)

    def subscribe(self, channel: bytes, refused: Callable[[bytes, Exception], None]) -> None:
        """Subscribe to a sharded channel; what is sent after it runs with the subscription in force."""
        if not self.lost:
            self._put(_Subscribing(channel, refused), pack(b"SSUBSCRIBE", channel))

    def unsubscribe(self, channel: bytes) -> None:
        """Leave a sharded channel."""
        if not self.lost:
            self._leaving.add(channel)
            self._put(_Leaving(channel), pack(b"SUNSUBSCRIBE", channel) + _PING)

    async def call(self, *arguments: bytes | str | int) -> Any:
        """Send a command and wait for its reply; raises the error reply or BusUnavailable."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self.send(pack(*arguments), answer_into(future))
        reply = await future
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def backlog(self) -> int:
        """How many replies are awaited."""
        return len(self._waiting)

    def close(self) -> None:
        """Close the connection; what is awaited fails."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(None)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and self._out:
            self._load.batches.observe(len(self._out))
            data = b"".join(self._out)
            self._out.clear()
            self._transport.write(data)

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's do not inherit it
        self._flush()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        reader = self._reader
        waiting = self._waiting
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not _INCOMPLETE:
                if type(reply) is hiredis.PushNotification:
                    self._push(reply)
                else:
                    self._answer(waiting.popleft(), reply)
        except hiredis.ProtocolError as error:
            self._fail(error)

    def _answer(self, sent: Sent | _Subscribing | _Leaving, reply: Any) -> None:
        if type(sent) is tuple:
            if type(reply) is not hiredis.ReplyError or not self._on_error(sent, reply):
                sent[0](reply)
        elif type(sent) is _Leaving:
            self._left(sent, reply)
        elif type(sent) is _Subscribing:
            sent.refused(sent.channel, reply)

    def _left(self, leaving: _Leaving, reply: Any) -> None:
        if type(reply) is hiredis.ReplyError:
            self._waiting.appendleft(leaving)  # of SUNSUBSCRIBE; the PING's is still to come
        else:
            self._leaving.discard(leaving.channel)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        if not self.lost:
            _log.warning("connection to Redis lost", reason=str(exc or "closed by the server"))
        self._fail(exc)

    def _push(self, push: list[Any]) -> None:
        if push[0] == b"smessage":
            self._on_push(push)
        elif push[0] == b"ssubscribe":
            self._waiting.popleft()
        elif push[0] == b"sunsubscribe" and push[1] not in self._leaving:
            self._on_push(push)  # the slot moved away: not asked for

    def _fail(self, error: Exception | None) -> None:
        if self.lost:
            return
        self.lost = True
        if self._transport is not None:
            self._transport.abort()
        self._on_lost(self, error)  # first, so that what is sent from now on finds its way
        reason = BusUnavailable(f"the connection to Redis was lost: {error or 'closed'}")
        while self._waiting:
            sent = self._waiting.popleft()
            if type(sent) is tuple:
                sent[0](reason)


def answer_into(future: asyncio.Future[Any]) -> Done:
    """A callback that gives its reply to a future, unless nobody waits any more."""

    def done(reply: Any) -> None:
        if not future.done():
            future.set_result(reply)

    return done
