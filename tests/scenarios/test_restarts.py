"""Connection managers stop and start again, one after another, while people chat."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from play import people, wanted
from play.chatter import Chatter
from play.client import Client
from play.cluster import Cluster, Pod
from play.people import bare
from play.stage import play
from roost.protocol import namespaces as ns

_OPENING = f"<stream:stream to='example.test' xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' version='1.0'>"
_PAIRS = 12
_PER_SECOND = 20  # as `orderly` is set
_DEADLINE = 20  # seconds
_LOOK_SECONDS = 0.05


async def _until(done: Callable[[], Awaitable[Any]], what: str) -> None:
    end = time.monotonic() + _DEADLINE
    while not await done():
        assert time.monotonic() < end, f"not within {_DEADLINE} s: {what}"
        await asyncio.sleep(_LOOK_SECONDS)  # another process's state cannot be waited for


def _settings(cluster: Cluster) -> dict[str, Any]:
    return tomllib.loads(Path(cluster.facts["settings_file"]).read_text())


def _exists(pod: Pod) -> bool:
    return Path(f"/proc/{pod.pid}").exists()


@asynccontextmanager
async def _redis(cluster: Cluster) -> AsyncIterator[Redis]:
    client = Redis.from_url(_settings(cluster)["redis_url"], decode_responses=True)
    try:
        yield client
    finally:
        await client.aclose()


async def _restart(cluster: Cluster, number: int) -> None:
    """As a process manager does it: ask to stop, wait for the end and for the next one."""
    old = cluster.pods[number].pid
    os.kill(old, signal.SIGTERM)

    async def is_back() -> bool:
        return cluster.pods[number].pid != old

    await _until(is_back, "another process")


async def _ended(cluster: Cluster, pod: Pod) -> None:
    async def gone() -> bool:
        return not _exists(pod)

    await _until(gone, "the process's end")


@asynccontextmanager
async def _chatting(pod: Callable[[], Pod]) -> AsyncIterator[list[Chatter]]:
    """Pairs that write to each other; when the block ends they stop to write, and hear what is to come."""
    chatters = [Chatter(name, pod) for _ in range(_PAIRS) for name in ("romeo", "juliet")]
    for chatter in chatters:
        await people.register(pod(), chatter.name)
        await chatter.come()
    enough = asyncio.Event()
    friends = [chatters[place ^ 1] for place in range(len(chatters))]
    writing = [
        asyncio.create_task(chatter.write(friend.bare, enough))
        for chatter, friend in zip(chatters, friends, strict=True)
    ]
    listening = [asyncio.create_task(chatter.listen()) for chatter in chatters]
    yield chatters
    enough.set()
    await asyncio.gather(*writing)

    async def all_heard() -> bool:
        return all(
            len(friend.got) + len(chatter.refused) >= len(chatter.sent)
            for chatter, friend in zip(chatters, friends, strict=True)
        )

    await _until(all_heard, "the arrival of all messages")
    for task in listening:
        task.cancel()
    for chatter, friend in zip(chatters, friends, strict=True):
        assert chatter.refused == []
        assert friend.got == chatter.sent  # each once, and in order


@play
async def test_a_rolling_restart_loses_nothing(orderly: Cluster) -> None:
    place = 0
    async with _redis(orderly) as redis, _chatting(lambda: orderly.pods[place]) as chatters:
        for number in (0, 1):
            place = 1 - number  # where those who must go come back
            witness = await people.present(orderly.pods[place], "benvolio")
            for chatter in chatters:
                await _watch(witness, chatter)
            before = [chatter.sessions[-1] for chatter in chatters]
            old = await redis.zrange("l1:{pods}", 0, -1)
            await _restart(orderly, number)
            await _heard_once(witness, before)
            _spread([chatter.closed[-1] for chatter in chatters])
            await _until(lambda old=old: _forgotten(redis, old), "an end without traces")
    assert all(chatter.cut_off == [] and len(chatter.sessions) == 3 for chatter in chatters)
    for number in (1, 2):
        assert f"Connection manager {number} ended with exit code 0" in orderly.said.read_text()
    assert orderly.complaints() == ""


async def _watch(witness: Client, chatter: Chatter) -> None:
    """Have a chatter's presence: directed, so that a session's end is told to who had it."""
    assert chatter.client is not None
    chatter.client.presence(to=witness.jid, status="look")
    await witness.expect(wanted.presence(chatter.sessions[-1], ""))


async def _heard_once(witness: Client, sessions: list[str]) -> None:
    for session in sessions:
        await witness.expect(wanted.presence(session, "unavailable"))
    await witness.expect_nothing(lambda one: one.get("type") == "unavailable")


def _spread(moments: list[float]) -> None:
    """Closed one after another, at about the pace that was set."""
    moments.sort()
    assert moments[-1] - moments[0] > 0.7 * len(moments) / _PER_SECOND
    assert len({int(moment * 20) for moment in moments}) > len(moments) / 4


async def _forgotten(redis: Redis, pods: list[str]) -> bool:
    """Of those pods, the one that ended has left nothing, and none of their sessions is half there."""
    alive = set(await redis.zrange("l1:{pods}", 0, -1))
    gone = [pod for pod in pods if pod not in alive]
    left = [await redis.exists(f"x1:{{{pod}}}", f"i1:{{{pod}}}") for pod in gone]
    records = [await redis.hgetall(key) async for key in redis.scan_iter("r1:*")]
    there = {record.split("\t")[1] for account in records for record in account.values()}
    return len(gone) == 1 and not any(left) and there <= alive


@play
async def test_who_does_not_read_gets_the_rest_when_it_is_back(orderly: Cluster) -> None:
    """What waited in sockets and buffers when the pod stopped comes from the queue."""
    one, two = orderly.pods
    romeo = await people.present(two, "romeo")
    juliet = await people.present(one, "juliet")
    bodies = [f"{number} {'love ' * 2000}" for number in range(600)]
    for body in bodies:
        romeo.message(bare(juliet), body)
    await romeo.settle()
    os.kill(one.pid, signal.SIGTERM)
    await _ended(orderly, one)
    back = await people.login(two, bare(juliet).partition("@")[0])
    back.presence()
    there = [await _body(back)]
    while there[-1] != bodies[-1]:
        there.append(await _body(back))
    read = await _all_that_is_left(juliet)
    assert there == bodies[bodies.index(there[0]) :]
    assert bodies.index(there[0]) <= len(read)  # the first that it had not read, or one before


async def _body(client: Client) -> str:
    found = await client.expect(wanted.message())
    return found.findtext("{jabber:client}body") or ""


async def _all_that_is_left(client: Client) -> list[str]:
    """What its machine had got before the connection ended."""
    while await client._read():
        pass
    return [one.findtext("{jabber:client}body") or "" for one in client.arrived if wanted.message()(one)]


@play
async def test_what_is_said_while_the_server_closes_counts(orderly: Cluster) -> None:
    """RFC 6120 section 4.4: until the client's closing tag, what it sends is processed."""
    one, two = orderly.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    os.kill(one.pid, signal.SIGTERM)
    error = await romeo.expect(wanted.stream_error)
    assert wanted.condition(error) == "system-shutdown"
    romeo.message(bare(juliet), "parting is such sweet sorrow")
    romeo.presence(status="too late")
    await juliet.expect(wanted.message("parting is such sweet sorrow"))
    await romeo.close()


@play
async def test_who_has_just_come_when_the_server_stops_is_told(orderly: Cluster) -> None:
    """The kernel has made these connections; the process has not seen them yet."""
    one, _two = orderly.pods
    os.kill(one.pid, signal.SIGSTOP)
    try:
        silent = [await one.connect() for _ in range(20)]
        eager = [await one.connect() for _ in range(20)]
        for client in eager:
            client.expect_new_stream()
            client.send(_OPENING)
        os.kill(one.pid, signal.SIGTERM)
    finally:
        os.kill(one.pid, signal.SIGCONT)
    for client in (*silent, *eager):
        assert wanted.condition(await client.expect(wanted.stream_error)) == "system-shutdown"


@play
async def test_a_second_signal_hurries(slow: Cluster) -> None:
    """Hundreds of seconds at that pace; the rest is closed at once, and nothing stays behind."""
    [pod] = slow.pods
    friends = [await people.present(pod, "mercutio") for _ in range(8)]
    async with _redis(slow) as redis:
        friends[0].message(bare(friends[1]), "unread")
        await friends[0].settle()
        os.kill(pod.pid, signal.SIGTERM)
        await _until(lambda: _is_draining(pod), "the drain")
        await _somebody_talks(friends)
        status, why = await _ready(slow)
        assert status == 503
        assert "drain: starting or stopping" in why
        begun = time.monotonic()
        os.kill(pod.pid, signal.SIGTERM)
        for friend in friends:
            assert wanted.condition(await friend.expect(wanted.stream_error)) == "system-shutdown"
        await _ended(slow, pod)
        assert time.monotonic() - begun < 5
        await _until(lambda: _forgotten_all(redis), "an end without traces")
    assert "Connection manager 1 ended with exit code 0" in slow.said.read_text()


async def _somebody_talks(friends: list[Client]) -> None:
    """Who is still there goes on to send and to receive; one or two may have been closed by now."""
    for one, other in zip(friends[::2], friends[1::2], strict=True):
        with suppress(AssertionError, ConnectionError):
            one.message(bare(other), "still here")
            await other.expect(wanted.message("still here"), within=1)
            return
    raise AssertionError("nobody is there any more")


async def _ready(cluster: Cluster) -> tuple[int, str]:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", cluster.facts["connection_managers"][0]["metrics_port"]
    )
    writer.write(b"GET /ready HTTP/1.1\r\n\r\n")
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


async def _is_draining(pod: Pod) -> bool:
    return "draining" in pod.log.read_text()


async def _forgotten_all(redis: Redis) -> bool:
    keys = [key async for key in redis.scan_iter("*")]
    return not any(key.startswith(("r1:", "q1:", "x1:", "i1:")) for key in keys)
