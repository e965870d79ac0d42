"""Delivery on real engines: the choice of the script, order, and what nobody takes."""

from __future__ import annotations

import itertools

import pytest

from pods import JULIET, Pod, pods
from roost.cluster import keys
from roost.core.delivery import choose
from roost.core.ports import Choice
from roost.protocol.jid import Jid


def test_a_message_crosses_pods(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            assert await here.deliver(JULIET, "rm", "balcony", b"<message/>") == 1
            await juliet.until(lambda one: one.taken == [b"<message/>"])

    run(play())


def test_the_script_chooses_as_the_rules_do(redis_url, run):
    """Every combination of three sessions' states, every choice: deliver.lua equals core.delivery.choose."""
    states = [None, "silent", -1, 0, 5, "ended", "interested"]

    async def play():
        async with pods(redis_url, 1) as (pod,):
            for number, combination in enumerate(itertools.combinations_with_replacement(states, 3)):
                bare = f"user{number}@example.net"
                for place, state in enumerate(combination):
                    if state is None:
                        continue
                    jid, sid = Jid.parse(f"{bare}/r{place}"), f"s{number}-{place}"
                    await pod.registry.bind(jid, sid, "pod")
                    if isinstance(state, int) or state == "ended":
                        priority = state if isinstance(state, int) else 3
                        pod.registry.available(jid, sid, priority, b"<presence/>", lambda _known: None)
                    if state == "interested":
                        await pod.registry.interested(jid, sid)
                    if state == "ended":
                        await pod.registry.end(jid, sid)
                records = (await pod.registry.sessions([bare]))[0]
                for choices in ("r", "m", "a", "n", "i", "rm"):
                    expected = choose(choices, records, "r0")
                    assert await pod.deliver(bare, choices, "r0", b"x") == len(expected), (
                        combination,
                        choices,
                    )

    run(play())


def test_order_is_kept(redis_url, run):
    async def play():
        async with pods(redis_url) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            stanzas = [b"<message id='%d'/>" % number for number in range(500)]
            for stanza in stanzas:
                here.bus.deliver(JULIET, "rm", "balcony", stanza, lambda _taken: None, store=False)
            await juliet.until(lambda one: len(one.taken) == 500)
            assert juliet.taken == stanzas

    run(play())


def test_a_full_queue_closes_the_session_by_name(redis_url, run):
    async def play():
        async with pods(redis_url, queue=50) as (here, there):
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            juliet.room = 1
            for number in range(100):
                await here.deliver(JULIET, "r", "balcony", b"%d" % number)
            await juliet.until(lambda one: ("close", "policy-violation") in one.notices)

    run(play())


def test_messages_follow_the_one_that_is_on_its_way_to_the_store(redis_url, run):
    """None overtakes: while a message is being stored, later ones go the same way (RFC 6120 section 10.1)."""

    async def play():
        async with pods(redis_url) as (here, there):
            assert await here.deliver(JULIET, "m", "", b"first", store=True) == 0
            juliet = await there.session(f"{JULIET}/balcony", "s1")
            await there.redis.call(keys.registry(JULIET), "PING")
            assert await here.deliver(JULIET, "m", "", b"second", store=True) == 0
            here.bus.stored(JULIET)
            await juliet.until(lambda one: ("drain", "") in one.notices)
            assert await there.bus.hand_on(JULIET, 1, b"first") == 1
            assert await there.bus.hand_on(JULIET, 2, b"second") == 1
            assert await there.bus.hand_on(JULIET, 2, b"second") == -1
            await there.bus.drained(JULIET, [1, 2])
            assert await here.deliver(JULIET, "m", "", b"third", store=True) == 1
            await juliet.until(lambda one: len(one.taken) == 3)
            assert juliet.taken == [b"first", b"second", b"third"]

    run(play())


def test_who_asks_while_redis_is_away_hears_of_it(own_valkey, run):
    async def play():
        pod = Pod(own_valkey.url)
        pod.redis._timeout = 0.3
        await pod.redis.open()
        own_valkey.kill()
        assert isinstance(await pod.deliver(JULIET, "m", "", b"x"), Exception)
        await pod.redis.close()

    run(play())


@pytest.mark.parametrize("choice", [Choice.INTERESTED, Choice.ANY_AVAILABLE])
def test_a_push_reaches_every_session_on_every_pod(redis_url, run, choice):
    async def play():
        async with pods(redis_url) as (here, there):
            sessions = [
                await pod.session(f"{JULIET}/r{n}", f"s{n}", -1) for n, pod in enumerate((here, there))
            ]
            for number in range(2):
                await here.registry.interested(Jid.parse(f"{JULIET}/r{number}"), f"s{number}")
            assert await here.bus.deliver_now(JULIET, choice, "", b"push") == 2
            for session in sessions:
                await session.until(lambda one: one.taken == [b"push"])

    run(play())
