"""One connection: replies go to who waits for them, whatever pushes and errors come between."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from roost.cluster.link import Link, Load
from roost.cluster.resp import pack
from roost.core.ports import BusUnavailable


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written = []
        self.aborted = False

    def write(self, data):
        self.written.append(data)

    def abort(self):
        self.aborted = True


class End:
    """A link on such a transport, and what it reports."""

    def __init__(self):
        self.pushes, self.errors, self.losses = [], [], []
        self.load = Load()
        self.link = Link(
            self.pushes.append, self._error, lambda _link, error: self.losses.append(error), self.load
        )
        self.wire = Wire()
        self.link.connection_made(self.wire)

    def _error(self, sent, error):
        self.errors.append(str(error))
        return str(error).startswith("MOVED")


def push(*words):
    return b">%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def test_the_commands_of_a_turn_go_in_one_write(run):
    async def play():
        end = End()
        for number in range(50):
            end.link.send(pack("INCRBY", "x", number), lambda _reply: None)
        await asyncio.sleep(0)
        assert end.wire.written == [b"".join(pack("INCRBY", "x", number) for number in range(50))]

    run(play())


def test_replies_come_in_order_between_publications(run):
    async def play():
        end, replies = End(), []
        for _ in range(3):
            end.link.send(pack("PING"), replies.append)
        end.link.data_received(b":1\r\n" + push(b"smessage", b"c", b"hello") + b":2\r\n-ERR three\r\n")
        assert replies[:2] == [1, 2]
        assert str(replies[2]) == "ERR three"
        assert [one[2] for one in end.pushes] == [b"hello"]

    run(play())


def test_an_error_that_is_dealt_with_elsewhere_is_not_told(run):
    async def play():
        end, replies = End(), []
        end.link.send(pack("GET", "x"), replies.append, "x")
        end.link.data_received(b"-MOVED 1 127.0.0.1:1\r\n")
        assert replies == []
        assert end.errors == ["MOVED 1 127.0.0.1:1"]

    run(play())


def test_all_who_wait_hear_that_the_connection_was_lost(run):
    async def play():
        end, replies = End(), []
        for _ in range(3):
            end.link.send(pack("PING"), replies.append)
        end.link.subscribe(b"c", lambda _channel, _error: None)
        end.link.connection_lost(OSError("cut"))
        end.link.connection_lost(None)
        assert [type(reply) for reply in replies] == [BusUnavailable] * 3
        assert len(end.losses) == 1
        end.link.send(pack("PING"), replies.append)
        assert len(replies) == 4

    run(play())


def test_who_is_asked_for_a_new_way_when_a_link_is_lost_knows_of_the_loss(run):
    """A command sent again by who hears that it failed must not go to the dead link."""

    async def play():
        end, known = End(), []
        end.link.send(pack("PING"), lambda _reply: known.append(len(end.losses)))
        end.link.connection_lost(None)
        assert known == [1]

    run(play())


def test_garbage_ends_the_connection(run):
    async def play():
        end, replies = End(), []
        end.link.send(pack("PING"), replies.append)
        end.link.data_received(b"HTTP/1.1 400 Bad Request\r\n")
        assert end.wire.aborted
        assert isinstance(replies[0], BusUnavailable)

    run(play())


def test_a_refused_subscription_is_told(run):
    async def play():
        end, refused, replies = End(), [], []
        end.link.subscribe(b"c", lambda channel, error: refused.append((channel, str(error))))
        end.link.send(pack("PING"), replies.append)
        end.link.data_received(b"-MOVED 1 127.0.0.1:1\r\n:1\r\n")
        assert refused == [(b"c", "MOVED 1 127.0.0.1:1")]
        assert replies == [1]

    run(play())


def test_a_channel_taken_away_is_told_and_one_that_was_left_is_not(run):
    async def play():
        end = End()
        end.link.unsubscribe(b"left")
        end.link.data_received(
            push(b"sunsubscribe", b"left") + push(b"sunsubscribe", b"taken") + b"+PONG\r\n"
        )
        assert [one[1] for one in end.pushes] == [b"taken"]

    run(play())


answers = st.lists(
    st.sampled_from(["command", "subscribe", "refused", "leave", "leave twice", "leave in vain", "taken"]),
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(answers, st.integers(1, 60))
def test_replies_never_get_out_of_step(course, size):
    """A slot that moves at any moment takes channels away, or refuses to give or leave them."""

    async def play():
        end, replies, expected, data = End(), [], [], b""
        for number, what in enumerate(course):
            channel = b"c%d" % number
            if what == "command":
                end.link.send(pack("PING"), replies.append)
                expected.append(number)
                data += b":%d\r\n" % number
            elif what == "subscribe":
                end.link.subscribe(channel, lambda _channel, _error: None)
                data += push(b"ssubscribe", channel)
            elif what == "refused":
                end.link.subscribe(channel, lambda _channel, _error: None)
                data += b"-MOVED 1 127.0.0.1:1\r\n"
            elif what == "taken":
                data += push(b"sunsubscribe", channel)
            else:
                end.link.unsubscribe(channel)
                if what != "leave":
                    data += push(b"sunsubscribe", channel)
                data += push(b"sunsubscribe", channel) if what == "leave" else b"-MOVED 1 127.0.0.1:1\r\n"
                data += b"+PONG\r\n"
        for start in range(0, len(data), size):
            end.link.data_received(data[start : start + size])
        assert replies == expected
        assert end.link.backlog == 0

    asyncio.run(play())


def test_commands_of_a_write_are_counted(run):
    async def play():
        end = End()
        for turn in (3, 1):
            for _ in range(turn):
                end.link.send(pack("PING"), lambda _reply: None)
            await asyncio.sleep(0)
        batches = end.load.batches
        assert (sum(batches.counts), batches.sum) == (2, 4)

    run(play())
