"""Append and publish: order, gaps, an empty Redis, on real engines and on every course of events."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roost.cluster.log import Follower, LogWriter, publication
from roost.cluster.reading import LogReader
from roost.cluster.script import Script
from roost.core.ports import BusUnavailable

LOG = "s1:{test:0}"


def follow(client, taken, **options):
    def take(entry):
        taken.hear(entry)
        return True

    follower = Follower(LogReader(client), LOG, take, **options)

    async def check():
        follower.check()

    client.subscribe(LOG, lambda data: follower.arrived(*publication(data)))
    client.on_return(check)
    follower.catch_up()
    return follower


def numbered(first, last):
    return [b"%d" % number for number in range(first, last)]


async def append(writer, entries):
    await writer.append(*((LOG, entry) for entry in entries))


def test_entries_come_in_order(redis_url, run, client, opened, heard):
    async def play():
        here, there = client(redis_url), client(redis_url)
        writer = LogWriter(here)
        async with opened(here, there):
            taken = heard()
            await append(writer, numbered(0, 10))
            follow(there, taken)
            await append(writer, numbered(10, 500))
            await taken.until(lambda all_: len(all_) == 500)
            assert taken == numbered(0, 500)

    run(play())


def test_who_appends_without_waiting_hears_positions(redis_url, run, client, opened, heard):
    async def play():
        here = client(redis_url)
        writer = LogWriter(here)
        async with opened(here):
            positions = heard()
            for entry in numbered(0, 20):
                writer.post(LOG, entry, positions.hear)
            await positions.until(lambda all_: len(all_) == 20)
            assert positions == list(range(positions[0], positions[0] + 20))

    run(play())


def test_lost_publications_are_read(redis_url, run, client, opened, heard, deaf):
    async def play():
        here, there = client(redis_url), client(redis_url)
        writer = LogWriter(here)
        gaps, losses = heard(), heard()
        async with opened(here, there):
            taken = heard()
            follow(there, taken, gap=lambda: gaps.hear("gap"), lost=lambda: losses.hear("lost"))
            await append(writer, numbered(0, 5))
            await taken.until(lambda all_: len(all_) == 5)
            async with deaf(there):
                await append(writer, numbered(5, 255))
            await append(writer, numbered(255, 256))
            await taken.until(lambda all_: len(all_) == 256)
            assert taken == numbered(0, 256)
            assert gaps
            assert not losses

    run(play())


def test_what_was_dropped_is_called_lost(redis_url, run, client, opened, heard, deaf):
    async def play():
        here, there = client(redis_url), client(redis_url)
        writer = LogWriter(here, keep=1)
        losses = heard()
        async with opened(here, there):
            taken = heard()
            follow(there, taken, lost=lambda: losses.hear("lost"))
            await append(writer, numbered(0, 1))
            await taken.until(lambda all_: len(all_) == 1)
            async with deaf(there):
                await append(writer, numbered(1, 1000))
            await append(writer, numbered(1000, 1001))
            await taken.until(lambda all_: all_[-1] == b"1000")
            assert losses == ["lost"]
            assert len(taken) < 1001

    run(play())


def test_a_full_log_refuses(redis_url, run, client, opened, heard):
    async def play():
        here = client(redis_url)
        writer = LogWriter(here, waiting=3)
        async with opened(here):
            await append(writer, numbered(0, 3))
            with pytest.raises(BusUnavailable):
                await append(writer, numbered(3, 4))
            replies = heard()
            writer.post(LOG, b"x", replies.hear)
            await replies.until(bool)
            assert isinstance(replies[0], BusUnavailable)

    run(play())


def test_a_follower_survives_a_cut_connection(redis_url, run, client, opened, heard):
    async def play():
        here, there = client(redis_url), client(redis_url)
        writer = LogWriter(here)
        async with opened(here, there):
            taken = heard()
            follow(there, taken)
            await append(writer, numbered(0, 3))
            await taken.until(lambda all_: len(all_) == 3)
            for link in list(there._links.values()):
                link.close()
            await append(writer, numbered(3, 303))
            await taken.until(lambda all_: len(all_) == 303)
            assert taken == numbered(0, 303)

    run(play())


def test_a_log_begins_anew_in_an_empty_redis(own_valkey, run, client, opened, heard):
    async def play():
        here, there = client(own_valkey.url), client(own_valkey.url)
        writer = LogWriter(here)
        rewound, positions = heard(), heard()
        async with opened(here, there):
            taken = heard()
            follow(there, taken, rewound=lambda: rewound.hear("rewound"))
            writer.post(LOG, b"before", positions.hear)
            await taken.until(bool)
            own_valkey.kill()
            await asyncio.to_thread(own_valkey.start)
            await rewound.until(bool)
            writer.post(LOG, b"after", positions.hear)
            await taken.until(lambda all_: len(all_) == 2)
            assert taken == [b"before", b"after"]
            assert positions[1] > positions[0]

    run(play())


# --- every course of events, without a server ---


class Server:
    """One stream and the connection to it: replies and publications come in one order, and may be cut off."""

    def __init__(self):
        self.stream = []
        self.count = 0
        self.coming = []
        self.most = 3  # entries of one reply

    def send(self, _key, command, done):
        reply = self._execute(command.split(b"\r\n")[2::2])
        self.coming.append(lambda: done(reply))

    def _execute(self, words):
        if words[0] == b"XINFO":
            return (
                {b"last-generated-id": b"1-%d" % (self.count - 1)} if self.count else Exception("no such key")
            )
        wanted = [one for one in self.stream if one[0] >= int(words[4])]
        part = wanted[: self.most]
        return [int(part == wanted), *(field for at, entry in part for field in (at, b"%d" % entry))]

    def script(self, name):
        return Script(name)

    def append(self, entry, follower, *, lost):
        at, self.count = self.count, self.count + 1
        self.stream.append((at, entry))
        if not lost:
            self.coming.append(lambda: follower.arrived(at, b"%d" % entry))

    def deliver(self, most):
        for _ in range(most):
            if self.coming:
                self.coming.pop(0)()

    def empty(self):
        self.stream.clear()
        self.count = 0


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.booleans()),
        st.tuples(st.just("deliver"), st.integers(1, 5)),
        st.tuples(st.just("full"), st.integers(0, 3)),
        st.tuples(st.just("resume"), st.none()),
        st.tuples(st.just("cut"), st.booleans()),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps)
def test_nothing_is_skipped_nor_taken_twice_nor_out_of_order(course):
    """Whatever is lost, cut off, paused or forgotten: what the stream keeps is taken once, in order."""
    server, taken, expected = Server(), [], []
    room = [1000]

    def take(entry):
        taken.append(int(entry))
        room[0] -= 1
        return room[0] > 0

    follower = Follower(LogReader(server), LOG, take)
    follower.catch_up()
    number = 0
    for what, how in course:
        if what == "append":
            expected.append(number)
            server.append(number, follower, lost=how)
            number += 1
        elif what == "deliver":
            server.deliver(how)
        elif what == "full":
            room[0] = how
        elif what == "resume":
            room[0] = 1000
            follower.resume()
        else:
            server.coming.clear()
            follower._reading = -1  # the reply was BusUnavailable
            if how:  # and Redis comes back empty: what nobody had taken is gone
                server.empty()
                expected = list(taken)
            follower.check()
            server.deliver(1)
    room[0] = 1000
    follower.resume()
    server.deliver(1000)
    expected.append(number)
    server.append(number, follower, lost=False)
    server.deliver(1000)
    assert taken == expected
