"""Traces from socket to socket, through two pods."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from collector import Collector
from play import people, wanted
from play.cluster import Cluster
from play.stage import play


@pytest.fixture
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Cluster]:
    """Two pods that trace everything."""
    settings = {"trace_endpoint": collector.url, "trace_ratio": 1, "OTEL_BSP_SCHEDULE_DELAY": 200}
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), "--tls", "optional", **settings)
    yield cluster
    cluster.stop()


@play
async def test_one_message_is_one_trace_on_two_pods(traced: Cluster, collector: Collector) -> None:
    one, two = traced.pods
    romeo, juliet = await people.present(one, "romeo"), await people.present(two, "juliet")
    romeo.message(juliet.jid, "good night", id="m-1")
    await juliet.expect(wanted.message("good night"))
    [sent] = await asyncio.to_thread(collector.until, 1, "send", roost_stanza_id="m-1")
    [delivered] = await asyncio.to_thread(collector.until, 1, "deliver", roost_stanza_id="m-1")
    assert delivered.trace == sent.trace
    assert (delivered.parent, sent.parent) == (sent.id, b"")
    assert sent.process["host.name"] == "connection-manager-1"
    assert delivered.process["host.name"] == "connection-manager-2"
    assert sent.process["service.instance.id"] != delivered.process["service.instance.id"]
    assert sent.attributes["roost.stanza.kind"] == "message"
    assert sent.attributes["roost.sessions"] == 1
    assert sent.start < delivered.start < delivered.end
    told = str([sent, delivered])
    assert "romeo" not in told
    assert "juliet" not in told
    assert "good night" not in told


@play
async def test_a_login_and_its_statements(traced: Cluster, collector: Collector) -> None:
    client = await people.person(traced.pods[0], "romeo")
    assert client.jid
    [login] = (await asyncio.to_thread(collector.until, 1, "login", roost_outcome="success"))[-1:]
    assert login.attributes["roost.mechanism"] == "PLAIN"
    statements = await asyncio.to_thread(collector.until, 1, "database")
    assert login.id in {one.parent for one in statements}
    failed = await traced.pods[0].connect()
    await failed.open()
    await people.plain(failed, people.new_name("tybalt"), "wrong")
    await asyncio.to_thread(collector.until, 1, "login", roost_outcome="not-authorized")
