"""Presence for many sessions: to each pod once, with a list of receivers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.log import Follower, LogWriter, publication
from roost.cluster.reading import LogReader
from roost.core.ports import SessionRecord
from roost.protocol.envelope import EnvelopeMalformed, FanOut, decode_fanout, encode_fanout
from roost.runtime.figures import Figures

_KEPT = 10_000  # entries that an inbox keeps for a pod that has lost some

Deliver = Callable[[list[str], bytes, bytes], None]
"""Writes a stanza to local sessions: their ids, the bytes before the receiver's JID, those after it."""


class PodFanout:
    """The sender's side. Implements core.ports.Fanout."""

    def __init__(self, client: RedisClient) -> None:
        """Collects until `flush`."""
        self._writer = LogWriter(client, keep=_KEPT)
        self._out: list[tuple[str, bytes]] = []

    def presence(
        self,
        shard: int,
        entry: int,
        place: int,
        before: bytes,
        after: bytes,
        receivers: Iterable[SessionRecord],
    ) -> None:
        """See core.ports.Fanout."""
        pods: defaultdict[str, list[str]] = defaultdict(list)
        for record in receivers:
            pods[record.pod].append(record.sid)
        for pod, sids in pods.items():
            self._out.append(
                (keys.inbox(pod), encode_fanout(FanOut(shard, entry, place, sids, before, after)))
            )

    async def flush(self) -> None:
        """See core.ports.Fanout."""
        out, self._out = self._out, []
        if out:
            await self._writer.append(*out)


class Inbox:
    """The pod's side: drops what it had, by shard, entry and place."""

    def __init__(
        self,
        client: RedisClient,
        pod: str,
        deliver: Deliver,
        on_loss: Callable[[], None],
        on_bug: Callable[[str, Exception], None],
    ) -> None:
        """`on_loss` hears that entries are gone for good, and presence must be read from the registry;
        `on_bug` hears of one that cannot be read, and is dropped."""
        self._client = client
        self._deliver = deliver
        self._on_bug = on_bug
        self._log = keys.inbox(pod)
        self._seen: dict[int, tuple[int, int]] = {}
        self._repeated = 0
        self._follower = Follower(LogReader(client), self._log, self._take, lost=on_loss)

    def open(self) -> None:
        """Begin to hear; the pod's name is new, and so its inbox is empty."""
        self._client.subscribe(self._log, lambda data: self._follower.arrived(*publication(data)))
        self._client.on_return(self._returned)

    def restart(self) -> None:
        """Redis came back empty, and with it this inbox. What was seen stays seen: positions only go up."""
        self._follower.check()

    async def close(self) -> None:
        """Hear no more, and leave nothing behind; raises BusUnavailable."""
        self._follower.stop()
        self._client.unsubscribe(self._log)
        await self._client.call(self._log, "DEL", self._log)

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {"drops": lambda: {"repeated": self._repeated}}

    async def _returned(self) -> None:
        self._follower.check()

    def _take(self, data: bytes) -> bool:
        try:
            shard, entry, place, sids, before, after = decode_fanout(data)
        except EnvelopeMalformed as error:
            self._on_bug("a fan-out", error)
            return True
        identity = (entry, place)
        if self._seen.get(shard, (-1, 0)) < identity:
            self._seen[shard] = identity
            self._deliver(sids, before, after)
        else:
            self._repeated += len(sids)
        return True
