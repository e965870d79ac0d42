"""The probe: who seems to be there is asked for a write and for our own publication."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager

import hiredis
import pytest

from roost.cluster.probe import round_trip
from roost.core.ports import BusUnavailable

CHANNEL = "b1:{probe}"
PATIENCE = 10  # seconds; where the answer does not come from silence
_SOON = 0.2


@pytest.fixture
def probed(own_valkey, client, opened):
    """A client's link to a server of the test's own, and the client, which hears what is published."""

    @asynccontextmanager
    async def probed():
        redis = client(own_valkey.url)
        async with opened(redis):
            (link,) = redis._links.values()
            yield link, redis

    return probed


def test_who_takes_a_write_and_publishes_is_alive(probed, run, own_valkey):
    async def play():
        async with probed() as (link, redis):
            for _ in range(3):
                assert await round_trip(link, CHANNEL, redis, PATIENCE)
            await link.call("PING")
            assert own_valkey.admin().execute_command("PUBSUB SHARDCHANNELS") == []

    run(play())


def test_a_silent_subscription_is_found(probed, run, own_valkey):
    """Commands are answered and the connection stands, but nothing published comes through."""

    async def play():
        async with probed() as (link, redis):
            hear, link._on_push = link._on_push, lambda _push: None
            assert await round_trip(link, CHANNEL, redis, _SOON) is None
            link._on_push = hear
            assert await round_trip(link, CHANNEL, redis, PATIENCE)
            await link.call("PING")
            assert own_valkey.admin().execute_command("PUBSUB SHARDCHANNELS") == []

    run(play())


def test_somebody_elses_publications_do_not_count(probed, run):
    async def play():
        async with probed() as (link, redis):
            redis.subscribe("another{probe}", lambda _data: None)
            push, link._on_push = link._on_push, lambda _push: None
            await link.call("SPUBLISH", "another{probe}", "x")
            assert await round_trip(link, CHANNEL, redis, _SOON) is None
            link._on_push = push

    run(play())


def test_a_server_that_hangs_is_found(probed, run, own_valkey):
    async def play():
        async with probed() as (link, redis):
            own_valkey.process.send_signal(signal.SIGSTOP)
            try:
                assert await round_trip(link, CHANNEL, redis, _SOON) is None
            finally:
                own_valkey.process.send_signal(signal.SIGCONT)

    run(play())


def test_a_server_that_is_gone_is_found(probed, run, own_valkey):
    async def play():
        async with probed() as (link, redis):
            own_valkey.kill()
            assert await round_trip(link, CHANNEL, redis, PATIENCE) is None

    run(play())


def test_a_master_that_was_demoted_is_found(probed, run, own_valkey):
    """It stays connected, and publishes to us what it is told; only it takes no writes."""

    async def play():
        async with probed() as (link, redis):
            own_valkey.admin().replicaof("127.0.0.1", 1)
            assert await round_trip(link, CHANNEL, redis, PATIENCE) is None
            own_valkey.admin().replicaof("NO", "ONE")
            assert await round_trip(link, CHANNEL, redis, PATIENCE)

    run(play())


def test_a_server_that_is_full_is_there(probed, run, own_valkey):
    """A new connection would not make room."""

    async def play():
        async with probed() as (link, redis):
            own_valkey.admin().config_set("maxmemory", 1)
            assert await round_trip(link, CHANNEL, redis, PATIENCE)

    run(play())


class Refusing:
    """A link whose server answers with an error, and nothing that is published."""

    def __init__(self, error):
        self.error = error
        self.heard = set()

    async def call(self, *_arguments):
        raise self.error

    def subscribe(self, channel, handler):
        self.heard.add(channel)

    def unsubscribe(self, channel):
        self.heard.remove(channel)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (hiredis.ReplyError("MOVED 1 127.0.0.1:1"), False),
        (hiredis.ReplyError("READONLY You can't write against a read only replica."), False),
        (hiredis.ReplyError("MASTERDOWN Link with MASTER is down"), False),
        (hiredis.ReplyError("LOADING the dataset"), True),
        (hiredis.ReplyError("NOPERM no permission"), True),
        (BusUnavailable("lost"), False),
    ],
)
def test_an_error_says_whether_another_server_may_be_the_one(run, error, expected):
    link = Refusing(error)
    assert (run(round_trip(link, CHANNEL, link, PATIENCE)) is not None) is expected
    assert link.heard == set()
