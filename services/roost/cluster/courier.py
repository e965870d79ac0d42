"""The last leg: from an account's channel and a session's queue to the session on this pod.

A session lives in Redis and the pod is its courier. A session whose client does not read is given
nothing: its stanzas wait in the queue, which has a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time_ns
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.log import Follower
from roost.cluster.reading import LogReader
from roost.core.ports import Sink
from roost.runtime.figures import FAST_SECONDS, Figures, Histogram

OnBug = Callable[[str, Exception], None]

_TRIMS = 8  # of a queue while it would fill
_CHECK_BATCH = 200  # queues looked at in one turn
_STAMP = slice(2, 18)  # of a payload: µs since the epoch, which have 16 digits from 2001 to 2286
_MICROSECONDS = 1_000_000


class Delays:
    """How long stanzas were under way, in µs, by the stamps of those who sent them.

    The clocks of two machines differ: what comes before it was sent counts as 0. Mostly a stanza is written
    in the moment in which it is heard of; one histogram counts that for both.
    """

    __slots__ = ("at_once", "behind", "heard")

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.at_once, self.heard, self.behind = (
            Histogram(FAST_SECONDS, scale=_MICROSECONDS) for _ in range(3)
        )
        """Heard of and written; heard of only; written after it was read from the queue."""

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "bus_lag_seconds": lambda: self.at_once + self.heard,
            "delivery_seconds": lambda: self.at_once + self.behind,
        }


def _age(entry: bytes) -> int:
    age = time_ns() // 1_000 - int(entry[_STAMP])
    return age if age > 0 else 0


class Courier(Follower):
    """One session's place in its queue."""

    __slots__ = ("_delays", "_moved", "_often", "_on_bug", "_passing", "bare", "sid", "sink", "trimmed")

    def __init__(
        self,
        reader: LogReader,
        bare: str,
        sid: str,
        sink: Sink,
        moved: set[Courier],
        gap: Callable[[], None],
        delays: Delays,
        on_bug: OnBug,
        often: int,
    ) -> None:
        """The queue of a new session is empty. `moved` collects those whose queues can be trimmed; behind
        every `often`th entry that is tried at once."""
        super().__init__(reader, keys.queue(bare, sid), self._carry, gap=gap)
        self.bare = bare
        self.sid = sid
        self.sink = sink
        self.trimmed = 0
        self._moved = moved
        self._delays = delays
        self._on_bug = on_bug
        self._often = often
        self._passing: tuple[int, int] | None = None  # a position, and the client's mark behind it

    @property
    def waiting(self) -> int:
        """The entries that are still in the queue, as far as this pod has heard."""
        return max(self.expected, self.heard) - self.trimmed

    def settle(self) -> None:
        """See core.ports.Carried."""
        self._trim(self.expected)

    def trim(self) -> bool:
        """See core.ports.Carried."""
        if self.sink.flushed():
            self._passing = None
            self._trim(self.expected)
            return True
        if self._passing is not None and self.sink.passed(self._passing[1]):
            self._trim(self._passing[0])
            self._passing = None
        if self._passing is None and (mark := self.sink.mark()) is not None:
            self._passing = self.expected, mark
        return False

    def begin_anew(self) -> None:
        """Redis came back empty, and with it the queue."""
        self.trimmed = 0
        self._passing = None
        self.check()

    def _trim(self, position: int) -> None:
        if self.trimmed != position:
            self.trimmed = position
            self._reader.drop(self.stream, position)

    def _carry(self, entry: bytes) -> bool:
        self._moved.add(self)
        try:
            age = time_ns() // 1_000 - int(entry[_STAMP])  # as _age, whose call would cost as much again
            stanza = entry[entry.index(b"\n") + 1 :]
        except ValueError as error:
            self._on_bug("an entry of a queue", error)
            return True
        (self._delays.behind if self.behind else self._delays.at_once).observe(age if age > 0 else 0)
        more = self.sink.take(stanza)
        if not self.expected % self._often:
            asyncio.get_running_loop().call_soon(self.trim)  # behind the write to the client
        return more


class Couriers:
    """All sessions of this pod. Implements core.ports.Carrier."""

    def __init__(
        self,
        client: RedisClient,
        *,
        trim_seconds: float,
        queue_stanzas: int,
        on_gap: Callable[[], None],
        on_bug: OnBug,
        courier: Callable[..., Courier] = Courier,
    ) -> None:
        """`trim_seconds` is how often delivered entries are taken off the queues, and in a rush more often,
        so that what a client has got is not counted against it by the bound of `queue_stanzas`. `on_gap`
        counts gaps; `on_bug` hears of what cannot be read, and is dropped. `courier` makes one."""
        self._client = client
        self._reader = LogReader(client)
        self._trim_seconds = trim_seconds
        self._often = max(1, queue_stanzas // _TRIMS)
        self._on_gap = on_gap
        self._on_bug = on_bug
        self._courier = courier
        self._by_sid: dict[bytes, Courier] = {}
        self._accounts: dict[str, int] = {}
        self._moved: set[Courier] = set()
        self._delays = Delays()
        client.on_return(self._check)

    async def run(self) -> None:
        """Trim queues until cancelled."""
        while True:
            await asyncio.sleep(self._trim_seconds)
            await self._trim()

    def attach(self, bare: str, sid: str, sink: Sink) -> Courier:
        """See core.ports.Carrier."""
        courier = self._courier(
            self._reader,
            bare,
            sid,
            sink,
            self._moved,
            self._on_gap,
            self._delays,
            self._on_bug,
            self._often,
        )
        self._by_sid[sid.encode()] = courier
        sessions = self._accounts.get(bare, 0)
        self._accounts[bare] = sessions + 1
        if not sessions:
            self._client.subscribe(keys.channel(bare), self._publication)
        return courier

    def detach(self, sid: str) -> None:
        """See core.ports.Carrier. What the client has got is off the queue; the rest stays there."""
        courier = self._by_sid.pop(sid.encode(), None)
        if courier is None:
            return
        courier.stop()
        self._moved.discard(courier)
        courier.trim()
        self._accounts[courier.bare] -= 1
        if not self._accounts[courier.bare]:
            del self._accounts[courier.bare]
            self._client.unsubscribe(keys.channel(courier.bare))

    def figures(self) -> Figures:
        """See runtime.figures. Only those whose queues have moved can have anything in them."""
        return {
            **self._delays.figures(),
            "queues_entries": lambda: sum(courier.waiting for courier in self._moved),
            "queues_paused": lambda: sum(courier.paused for courier in self._moved),
        }

    def restart(self) -> None:
        """Redis came back empty: all queues begin anew."""
        for courier in self._by_sid.values():
            courier.begin_anew()

    def _publication(self, data: bytes) -> None:
        try:
            places, entry = data.split(b"\n", 1)
            if places[:2] == b"c\t":
                self._notice(places)
                return
            by_sid = self._by_sid
            for place in places.split(b"\t", 1)[0].split(b","):
                sid, position = place.split(b":")[:2]
                courier = by_sid.get(sid)
                if courier is not None:
                    if courier.behind:
                        self._delays.heard.observe(_age(entry))
                    courier.arrived(int(position), entry)
        except ValueError as error:  # a gap, if it was a stanza: that is read from the queue
            self._on_bug("a publication", error)

    def _notice(self, line: bytes) -> None:
        _c, verb, sid, argument, *_newer = line.decode().split("\t")
        courier = self._by_sid.get(sid.encode())
        if courier is not None:
            courier.sink.told(verb, argument)

    async def _trim(self) -> None:
        for count, courier in enumerate(list(self._moved), 1):
            if courier.trim():
                self._moved.discard(courier)
            if count % _CHECK_BATCH == 0:
                await asyncio.sleep(0)

    async def _check(self) -> None:
        """After a reconnection: publications may be lost, so look at every queue."""
        for count, courier in enumerate(list(self._by_sid.values()), 1):
            courier.check()
            if count % _CHECK_BATCH == 0:
                await asyncio.sleep(0)


def _ignore(_reply: Any) -> None:
    pass
