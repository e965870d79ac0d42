"""Presence for many sessions on real engines: once a pod, in order, told once, lost only with a word."""

from __future__ import annotations

import asyncio

import figures
from roost.cluster import keys
from roost.cluster.fanout import Inbox, PodFanout
from roost.cluster.log import LogWriter
from roost.cluster.resp import pack
from roost.core.ports import SessionRecord


def record(pod, sid):
    return SessionRecord("balcony", sid, pod, 1, 0, interested=True, ended=False)


class Pod:
    """A pod's end, that remembers what was delivered."""

    def __init__(self, redis, name, heard):
        self.delivered = heard()
        self.losses = heard()
        self.inbox = Inbox(redis, name, self.delivered.hear, lambda: self.losses.hear("loss"), self._bug)
        self.bugs = []

    def _bug(self, where, error):
        self.bugs.append(where)


def test_each_pod_is_told_once_and_knows_for_whom(redis_url, run, client, opened, heard):
    async def play():
        here, there = client(redis_url), client(redis_url)
        fanout = PodFanout(here)
        pod1, pod2 = Pod(there, "pod1", heard), Pod(there, "pod2", heard)
        async with opened(here, there):
            pod1.inbox.open()
            pod2.inbox.open()
            receivers = [record("pod1", "a"), record("pod2", "b"), record("pod1", "c")]
            fanout.presence(3, 77, 0, b"<presence to='", b"'/>", receivers)
            await fanout.flush()
            await pod1.delivered.until(bool)
            await pod2.delivered.until(bool)
            assert pod1.delivered == [(["a", "c"], b"<presence to='", b"'/>")]
            assert pod2.delivered == [(["b"], b"<presence to='", b"'/>")]
            assert not pod1.losses

    run(play())


async def tell(fanout, entries, shard=3):
    for entry in entries:
        for place in range(2):
            fanout.presence(shard, entry, place, b"%d" % entry, b"%d" % place, [record("pod1", "a")])
    await fanout.flush()


def told(entries):
    return [(["a"], b"%d" % entry, b"%d" % place) for entry in entries for place in range(2)]


def test_what_a_successor_does_again_is_told_once(redis_url, run, client, opened, heard):
    async def play():
        here, there = client(redis_url), client(redis_url)
        fanout, pod = PodFanout(here), Pod(there, "pod1", heard)
        async with opened(here, there):
            pod.inbox.open()
            await tell(fanout, range(100))
            await tell(PodFanout(here), range(60, 150))
            await tell(fanout, range(5), shard=4)
            await pod.delivered.until(lambda all_: len(all_) == 310)
            assert pod.delivered == told(range(150)) + told(range(5))
            assert figures.told(pod.inbox, "drops") == {"repeated": 80}

    run(play())


def test_lost_publications_are_read_from_the_inbox(redis_url, run, client, opened, heard, deaf):
    async def play():
        here, there = client(redis_url), client(redis_url)
        fanout, pod = PodFanout(here), Pod(there, "pod1", heard)
        async with opened(here, there):
            pod.inbox.open()
            await tell(fanout, range(10))
            await pod.delivered.until(lambda all_: len(all_) == 20)
            async with deaf(there):
                await tell(fanout, range(10, 200))
            await tell(fanout, range(200, 201))
            await pod.delivered.until(lambda all_: len(all_) == 402)
            assert pod.delivered == told(range(201))
            assert not pod.losses

    run(play())


def test_the_pod_hears_of_what_is_gone_for_good(redis_url, run, client, opened, heard, deaf):
    async def play():
        here, there = client(redis_url), client(redis_url)
        fanout, pod = PodFanout(here), Pod(there, "pod1", heard)
        async with opened(here, there):
            pod.inbox.open()
            await tell(fanout, range(10))
            await pod.delivered.until(lambda all_: len(all_) == 20)
            async with deaf(there):
                await tell(fanout, range(10, 200))
                inbox = keys.inbox("pod1")
                await here.gather([(inbox, pack("XTRIM", inbox, "MAXLEN", 5))])
            await tell(fanout, range(200, 201))
            await pod.losses.until(bool)
            await pod.delivered.until(lambda all_: all_[-1] == told([200])[-1])
            assert pod.losses == ["loss"]

    run(play())


def test_an_inbox_goes_on_in_a_redis_that_came_back_empty(own_valkey, run, client, opened, heard, eventually):
    async def play():
        here, there = client(own_valkey.url), client(own_valkey.url)
        fanout, pod = PodFanout(here), Pod(there, "pod1", heard)
        async with opened(here, there):
            pod.inbox.open()
            await tell(fanout, range(10))
            await pod.delivered.until(lambda all_: len(all_) == 20)
            own_valkey.kill()
            await asyncio.to_thread(own_valkey.start)
            await eventually(lambda: here.connected and there.connected)
            pod.inbox.restart()
            await tell(fanout, range(10, 12))
            await pod.delivered.until(lambda all_: len(all_) == 24)
            assert pod.delivered == told(range(12))

    run(play())


def test_a_closed_inbox_leaves_nothing(redis_url, run, client, opened, heard):
    async def play():
        here, there = client(redis_url), client(redis_url)
        fanout, pod = PodFanout(here), Pod(there, "pod1", heard)
        async with opened(here, there):
            pod.inbox.open()
            await tell(fanout, range(1))
            await pod.delivered.until(lambda all_: len(all_) == 2)
            await pod.inbox.close()
            assert await here.call(keys.inbox("pod1"), "EXISTS", keys.inbox("pod1")) == 0

    run(play())


def test_what_cannot_be_read_is_dropped_and_told_of_and_the_rest_comes(redis_url, run, client, opened, heard):
    async def play():
        redis = client(redis_url)
        pod = Pod(redis, "pod1", heard)
        async with opened(redis):
            pod.inbox.open()
            writer = LogWriter(redis)
            await writer.append((keys.inbox("pod1"), b"2\tf\t1\t1\t0\ns1\nbefore\nafter"))
            fanout = PodFanout(redis)
            fanout.presence(1, 2, 0, b"<presence to='", b"'/>", [record("pod1", "a")])
            await fanout.flush()
            await pod.delivered.until(bool)
            assert pod.bugs == ["a fan-out"]
            assert pod.losses == []

    run(play())
