"""The bus, the couriers and presence's fan-out where stanzas are traced: a span for who sends, one for each
receiver's pod.

The sender puts its span's context into the envelope's head, at the end. A pod that makes no traces, or is of
an older release, does not look there.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from roost.cluster.bus import Bus
from roost.cluster.client import RedisClient
from roost.cluster.courier import Courier
from roost.cluster.fanout import Inbox, PodFanout
from roost.cluster.link import Done
from roost.core.ports import BusUnavailable, SessionRecord

if TYPE_CHECKING:
    from roost.runtime.spans import Tracer

_KIND = re.compile(rb"<(message|iq|presence)\b")
_ID = re.compile(rb"""<[^<>]*?\sid=(?:'([^']*)'|"([^"]*)")""")


def bus(tracer: Tracer | None, client: RedisClient, *, queue_stanzas: int) -> Bus:
    """The bus, with traces if there is a tracer."""
    if tracer is None:
        return Bus(client, queue_stanzas=queue_stanzas)
    return TracedBus(tracer, client, queue_stanzas=queue_stanzas)


def courier(tracer: Tracer | None) -> Callable[..., Courier]:
    """What makes sessions' couriers."""
    return Courier if tracer is None else lambda *parts: TracedCourier(tracer, *parts)


def fanouts(tracer: Tracer | None, client: RedisClient) -> Callable[[], PodFanout]:
    """What makes a batch's fan-out."""
    return partial(PodFanout, client) if tracer is None else partial(TracedFanout, tracer, client)


def inbox(tracer: Tracer | None, *parts: Any) -> Inbox:
    """A pod's inbox; `parts` are those of Inbox."""
    return Inbox(*parts) if tracer is None else TracedInbox(tracer, *parts)


class TracedBus(Bus):
    """Traces some of the stanzas: from here until Redis has taken them."""

    def __init__(self, tracer: Tracer, client: RedisClient, *, queue_stanzas: int) -> None:
        """See Bus."""
        super().__init__(client, queue_stanzas=queue_stanzas)
        self._tracer = tracer

    def deliver(
        self,
        bare: str,
        choices: str,
        resource: str,
        stanza: bytes,
        done: Done,
        *,
        store: bool,
        trace: bytes = b"",
    ) -> None:
        """See core.ports.Bus."""
        if self._tracer.sampled():
            trace, done = self._traced(stanza, done)
        super().deliver(bare, choices, resource, stanza, done, store=store, trace=trace)

    def _traced(self, stanza: bytes, done: Done) -> tuple[bytes, Done]:
        tracer = self._tracer
        span = tracer.root("send", _attributes(stanza), sends=True)

        def told(reply: Any) -> None:
            if isinstance(reply, Exception):
                tracer.failed(span, "Redis did not take it")
            else:
                span.set_attribute("roost.sessions", reply)
            span.end()
            done(reply)

        return b"\t" + tracer.carried(span), told


class TracedCourier(Courier):
    """Goes on with the traces of stanzas that carry one: until they are written to the client."""

    __slots__ = ("_tracer",)

    def __init__(self, tracer: Tracer, *parts: Any) -> None:
        """`parts` are those of Courier."""
        super().__init__(*parts)
        self._tracer = tracer

    def _carry(self, entry: bytes) -> bool:
        head, _newline, stanza = entry.partition(b"\n")
        fields = head.split(b"\t")
        if len(fields) < 3:
            return super()._carry(entry)
        span = self._tracer.following("deliver", fields[2], _attributes(stanza))
        more = super()._carry(entry)
        if span is not None:
            span.set_attribute("roost.writable", more)
            # what a client is given in one turn of the loop leaves at its end, ahead of this
            asyncio.get_running_loop().call_soon(span.end)
        return more


class TracedFanout(PodFanout):
    """Traces some of the presence stanzas: from here until Redis has taken them for all pods."""

    def __init__(self, tracer: Tracer, client: RedisClient) -> None:
        """See PodFanout."""
        super().__init__(client)
        self._tracer = tracer
        self._spans: list[Any] = []

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
        others = len(self._out)
        super().presence(shard, entry, place, before, after, receivers)
        if self._tracer.sampled():
            span = self._tracer.root("fan-out", _attributes(before + after), sends=True)
            span.set_attribute("roost.pods", len(self._out) - others)
            self._spans.append(span)
            trace = b"\t" + self._tracer.carried(span) + b"\n"
            self._out[others:] = [(log, data.replace(b"\n", trace, 1)) for log, data in self._out[others:]]

    async def flush(self) -> None:
        """See core.ports.Fanout."""
        spans, self._spans = self._spans, []
        try:
            await super().flush()
        except BusUnavailable:
            for span in spans:
                self._tracer.failed(span, "Redis did not take it")
            raise
        finally:
            for span in spans:
                span.end()


class TracedInbox(Inbox):
    """Goes on with the traces of presence that carries one: until it is written to the clients."""

    def __init__(self, tracer: Tracer, *parts: Any) -> None:
        """`parts` are those of Inbox."""
        super().__init__(*parts)
        self._tracer = tracer

    def _take(self, data: bytes) -> bool:
        fields = data.partition(b"\n")[0].split(b"\t")
        if len(fields) < 6:
            return super()._take(data)
        stanza = data.split(b"\n", 2)[-1]
        span = self._tracer.following("deliver", fields[5], _attributes(stanza))
        more = super()._take(data)
        if span is not None:
            asyncio.get_running_loop().call_soon(span.end)  # as a courier's
        return more


def _attributes(stanza: bytes) -> dict[str, str | int]:
    found: dict[str, str | int] = {"roost.stanza.bytes": len(stanza)}
    if kind := _KIND.match(stanza):
        found["roost.stanza.kind"] = kind[1].decode()
    if named := _ID.match(stanza):
        found["roost.stanza.id"] = (named[1] or named[2] or b"").decode(errors="replace")
    return found
