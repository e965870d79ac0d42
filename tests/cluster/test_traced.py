"""Traces through the bus: the sender's span and the receiver's, and readers that know nothing of them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from pods import JULIET, Pod, raised
from roost.cluster.bus import Bus
from roost.cluster.courier import Courier
from roost.cluster.fanout import Inbox, PodFanout
from roost.cluster.traced import _attributes, bus, courier, fanouts, inbox
from roost.core.ports import BusUnavailable, SessionRecord
from roost.protocol.jid import Jid
from roost.runtime.spans import Tracer

STANZA = b"<message to='juliet@example.net' id='m1'><body>good night</body></message>"


class Traced:
    """Two pods, the first of which sends; `reader` says whether the other one makes traces too."""

    def __init__(self, url, collector, *, reader=True):
        self.tracers = [Tracer(collector.url, 1.0, role="x", pod=f"pod-{n}", id=f"{n}") for n in range(2)]
        self.here, self.there = Pod(url), Pod(url)
        self.here.bus = bus(self.tracers[0], self.here.redis, queue_stanzas=2000)
        if reader:
            self.there.couriers._courier = courier(self.tracers[1])

    @asynccontextmanager
    async def open(self):
        await self.here.redis.open()
        await self.there.redis.open()
        try:
            yield self.here, self.there
        finally:
            await self.here.redis.close()
            await self.there.redis.close()
            for tracer in self.tracers:
                await tracer.close()


def test_off_is_what_it_was():
    assert type(bus(None, Pod("redis://127.0.0.1:1").redis, queue_stanzas=1)) is Bus
    assert courier(None) is Courier
    redis = Pod("redis://127.0.0.1:1").redis
    assert type(fanouts(None, redis)()) is PodFanout
    assert type(inbox(None, redis, "pod", print, print, print)) is Inbox


def test_one_stanza_is_one_trace(redis_url, run, collector):
    async def play():
        async with Traced(redis_url, collector).open() as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            assert await here.deliver(JULIET, "r", "balcony", STANZA) == 1
            await juliet.until(lambda one: one.taken == [STANZA])

    run(play())
    [sent], [delivered] = collector.until(1, "send"), collector.until(1, "deliver")
    assert (delivered.trace, delivered.parent) == (sent.trace, sent.id)
    assert (sent.process["host.name"], delivered.process["host.name"]) == ("pod-0", "pod-1")
    assert sent.attributes == {
        "roost.stanza.kind": "message",
        "roost.stanza.id": "m1",
        "roost.stanza.bytes": len(STANZA),
        "roost.sessions": 1,
    }


def test_a_reader_that_makes_no_traces_gets_the_same_stanza(redis_url, run, collector):
    async def play():
        async with Traced(redis_url, collector, reader=False).open() as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            await here.deliver(JULIET, "r", "balcony", STANZA)
            await juliet.until(lambda one: one.taken == [STANZA])
            # nor does what is left over when the session ends hold anything of the trace
            juliet.room = 1
            for _ in range(2):
                await here.deliver(JULIET, "r", "balcony", STANZA)
            there.couriers.detach("s1")
            jid = Jid.parse(f"{JULIET}/balcony")
            assert await there.registry.leftover(jid, "s1")
            assert (await there.registry.forget(jid, "s1", "pod", 0)).stanzas == (STANZA,)

    run(play())


def test_what_waits_in_the_queue_is_delivered_when_it_is_written(redis_url, run, collector):
    async def play():
        async with Traced(redis_url, collector).open() as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            juliet.room = 1
            for _ in range(3):
                await here.deliver(JULIET, "r", "balcony", STANZA)
            juliet.room = 100
            juliet.courier.resume()
            await juliet.until(lambda one: len(one.taken) == 3)

    run(play())
    sent, delivered = collector.until(3, "send"), collector.until(3, "deliver")
    assert {one.trace for one in delivered} == {one.trace for one in sent}
    assert [one.attributes["roost.writable"] for one in delivered] == [False, True, True]


def test_nobody_there(redis_url, run, collector):
    async def play():
        async with Traced(redis_url, collector).open() as (here, _there):
            assert await here.deliver(JULIET, "m", "", STANZA) == 0

    run(play())
    [sent] = collector.until(1, "send")
    assert (sent.attributes["roost.sessions"], sent.failed) == (0, False)


def test_redis_is_away(own_valkey, run, collector):
    async def play():
        async with Traced(own_valkey.url, collector).open() as (here, _there):
            here.redis._held._seconds = 0.2
            own_valkey.kill()
            assert isinstance(await asyncio.wait_for(here.deliver(JULIET, "m", "", STANZA), 20), Exception)

    run(play())
    [sent] = collector.until(1, "send")
    assert sent.failed


@pytest.mark.parametrize(
    ("stanza", "kind", "id"),
    [
        (b"<message id='a'/>", "message", "a"),
        (b'<iq type="get"  id="b c"/>', "iq", "b c"),
        (b"<presence/>", "presence", None),
        (b"<message><body id='no'/></message>", "message", None),
        (b"<message xml:id='no'/>", "message", None),
        (b"<messages/>", None, None),
        (b"", None, None),
    ],
)
def test_what_a_span_says_of_a_stanza(stanza, kind, id):
    found = _attributes(stanza)
    assert (found.get("roost.stanza.kind"), found.get("roost.stanza.id")) == (kind, id)


PRESENCE = b"<presence to='", b"' from='romeo@example.net/orchard' id='p1'/>"


def receivers(*pods):
    return [SessionRecord("balcony", f"sid-{pod}", pod, 1, 0, interested=True, ended=False) for pod in pods]


@pytest.mark.parametrize("reader", [True, False])
def test_presence_is_traced_to_each_pod(redis_url, run, client, opened, heard, collector, reader):
    async def play():
        redis = client(redis_url)
        tracers = [Tracer(collector.url, 1.0, role="x", pod=f"pod-{n}", id=f"{n}") for n in range(3)]
        told = [heard(), heard()]
        boxes = [
            inbox(tracers[n] if reader else None, redis, f"pod-{n}", told[n].hear, raised, raised)
            for n in range(2)
        ]
        fanout = fanouts(tracers[2], redis)()
        async with opened(redis):
            for box in boxes:
                box.open()
            fanout.presence(1, 7, 0, *PRESENCE, receivers("pod-0", "pod-1"))
            await fanout.flush()
            for n in range(2):
                await told[n].until(bool)
                assert told[n] == [([f"sid-pod-{n}"], *PRESENCE)]
            await asyncio.sleep(0)  # the spans of what is written now end behind it
        for tracer in tracers:
            await tracer.close()

    run(play())
    [sent] = collector.until(1, "fan-out")
    assert sent.attributes == {
        "roost.stanza.kind": "presence",
        "roost.stanza.id": "p1",
        "roost.stanza.bytes": sum(map(len, PRESENCE)),
        "roost.pods": 2,
    }
    if reader:
        delivered = collector.until(2, "deliver")
        assert {(one.trace, one.parent) for one in delivered} == {(sent.trace, sent.id)}
        assert {one.process["host.name"] for one in delivered} == {"pod-0", "pod-1"}


def test_presence_that_redis_did_not_take_is_a_failure(redis_url, run, client, opened, collector):
    async def play():
        redis = client(redis_url)
        tracer = Tracer(collector.url, 1.0, role="x", pod="pod", id="1")
        fanout = fanouts(tracer, redis)()
        async with opened(redis):
            pass
        fanout.presence(1, 7, 0, *PRESENCE, receivers("pod"))
        with pytest.raises(BusUnavailable):
            await fanout.flush()
        await tracer.close()

    run(play())
    [sent] = collector.until(1, "fan-out")
    assert sent.failed
