"""Spans and the way they take to a collector."""

from __future__ import annotations

import time

import pytest

from roost.runtime.spans import Tracer


def tracer(endpoint, ratio=1.0):
    return Tracer(endpoint, ratio, role="presence", pod="pod-1", id="abc")


def test_a_span_arrives_when_the_process_ends(collector, run):
    one = tracer(collector.url)
    one.root("send", {"roost.stanza.kind": "message"}).end()
    run(one.close())
    [span] = collector.until(1, "send")
    assert span.attributes == {"roost.stanza.kind": "message"}
    assert collector.paths == {"/v1/traces"}
    assert span.process["service.name"] == "roost-presence"
    assert (span.process["service.instance.id"], span.process["host.name"]) == ("abc", "pod-1")


def test_an_endpoint_with_a_path_is_taken_as_it_is(collector, run):
    one = tracer(f"{collector.url}/my/traces")
    one.root("send", {}).end()
    run(one.close())
    assert collector.paths == {"/my/traces"}


def test_what_is_carried_to_another_process_stays_one_trace(collector, run):
    here, there = tracer(collector.url), tracer(collector.url)
    first = here.root("send", {}, sends=True)
    second = there.following("deliver", here.carried(first), {})
    second.end()
    first.end()
    run(here.close())
    run(there.close())
    [sent], [delivered] = collector.until(1, "send"), collector.until(1, "deliver")
    assert delivered.trace == sent.trace
    assert delivered.parent == sent.id


@pytest.mark.parametrize(
    "carried", [b"", b"x", b"00-0-0-01", b"\xff", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01"]
)
def test_what_is_no_context_is_not_followed(collector, run, carried):
    one = tracer(collector.url)
    assert one.following("deliver", carried, {}) is None
    run(one.close())


def test_inner_spans_are_made_only_within_a_traced_one(collector, run):
    one = tracer(collector.url)
    with one.inner("database", {}):
        pass
    login = one.root("login", {})
    with one.within(login), one.inner("database", {}):
        pass
    login.end()
    run(one.close())
    [inner], [outer] = collector.until(1, "database"), collector.until(1, "login")
    assert (inner.trace, inner.parent) == (outer.trace, outer.id)


@pytest.mark.parametrize(("ratio", "least", "most"), [(0.0, 0, 0), (1.0, 1000, 1000), (0.2, 100, 300)])
def test_the_share_that_is_traced(ratio, least, most):
    one = tracer("http://127.0.0.1:1", ratio)
    assert least <= sum(one.sampled() for _ in range(1000)) <= most


def test_a_collector_that_is_away_holds_nobody_up(run):
    one = tracer("http://127.0.0.1:1")
    one.root("send", {}).end()
    before = time.monotonic()
    run(one.close())
    assert time.monotonic() - before < 12
