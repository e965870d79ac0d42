import asyncio
import re
import time

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from roost.runtime.figures import Histogram
from roost.runtime.metrics import CONNECTION_MANAGER, FAMILIES, PRESENCE, Metrics, watch_loop


def told(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_what_was_counted_is_told():
    metrics = Metrics(CONNECTION_MANAGER)
    metrics.count("logins", "success")
    metrics.counter("logins")("success", by=2)
    metrics.count("streams_slow")
    assert 'roost_logins_total{outcome="success"} 3.0' in told(metrics)
    assert "roost_streams_slow_total 1.0" in told(metrics)
    assert "process_resident_memory_bytes" in told(metrics)


def test_what_can_be_counted_is_told_before_it_happens():
    """Else the first one would be no increase."""
    assert 'roost_logins_total{outcome="not-authorized"} 0.0' in told(Metrics(CONNECTION_MANAGER))
    assert "roost_sweeps_total 0.0" in told(Metrics(PRESENCE))


def test_each_process_counts_for_itself():
    Metrics(PRESENCE).count("sweeps")
    assert "roost_sweeps_total 0.0" in told(Metrics(PRESENCE))


def test_figures_are_read_when_somebody_asks():
    class Part:
        sessions = 1
        sent = {"message": 1}  # noqa: RUF012

        def figures(self):
            return {"sessions_bound": lambda: self.sessions, "stanzas_sent": self.sent}

    metrics, part = Metrics(CONNECTION_MANAGER), Part()
    metrics.watch(part)
    part.sessions = 5
    part.sent["message"] += 1
    assert "roost_sessions_bound 5.0" in told(metrics)
    assert 'roost_stanzas_sent_total{kind="message"} 2.0' in told(metrics)


def test_what_several_tell_is_added_up():
    metrics = Metrics(CONNECTION_MANAGER)
    metrics.count("drops", "nobody")
    metrics.read({"drops": {"nobody": 2, "repeated": 7}})
    metrics.read({"drops": lambda: {"nobody": 3}})
    assert 'roost_drops_total{reason="nobody"} 6.0' in told(metrics)
    assert 'roost_drops_total{reason="repeated"} 7.0' in told(metrics)


def test_what_is_not_known_is_not_told():
    metrics = Metrics(PRESENCE)
    metrics.read({"registry_pods": lambda: None, "shards_owned": {}})
    assert not re.search("^roost_(registry_pods|shards_owned)", told(metrics), re.MULTILINE)


def test_two_labels():
    metrics = Metrics(CONNECTION_MANAGER)
    metrics.read({"streams_open": {("bound", "starttls"): 4}})
    assert 'roost_streams_open{state="bound",transport="starttls"} 4.0' in told(metrics)


def test_a_histogram_is_one_for_prometheus_too():
    seconds = Histogram((0.001, 0.01, 1), scale=1_000)
    for milliseconds in (0.5, 1, 5, 3000):
        seconds.observe(milliseconds)
    metrics = Metrics(CONNECTION_MANAGER)
    metrics.read({"delivery_seconds": seconds})
    [family] = [
        one for one in text_string_to_metric_families(told(metrics)) if one.name == "roost_delivery_seconds"
    ]
    assert family.type == "histogram"
    found = {(one.name.rpartition("_")[2], one.labels.get("le")): one.value for one in family.samples}
    assert found == {
        ("bucket", "0.001"): 2,
        ("bucket", "0.01"): 3,
        ("bucket", "1.0"): 3,
        ("bucket", "+Inf"): 4,
        ("count", None): 4,
        ("sum", None): 3.0065,
    }


def test_a_name_that_there_is_not_is_a_mistake_at_once():
    metrics = Metrics(PRESENCE)
    with pytest.raises(KeyError):
        metrics.count("dances")
    with pytest.raises(AssertionError, match="dances"):
        metrics.counter("dances")
    with pytest.raises(AssertionError, match="logins"):
        metrics.read({"logins": 1})  # the other role's


def test_a_fault_is_counted_by_its_place_and_not_by_its_victim():
    metrics = Metrics(PRESENCE)
    metrics.fault("presence entry available of romeo@example.net/orchard")
    metrics.fault("presence entry available of juliet@example.net/balcony")
    assert 'roost_tasks_failures_total{task="presence entry available"} 2.0' in told(metrics)


def test_names_follow_one_pattern_and_say_what_they_mean():
    for family in FAMILIES:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+|drops|logins|registrations|sweeps", family.name)
        assert family.means.endswith("."), family.name
        assert set(family.roles) <= {CONNECTION_MANAGER, PRESENCE}
        assert not family.values or len(family.labels) == 1
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_the_loops_lag_is_measured():
    async def main() -> Histogram:
        lag = Metrics(PRESENCE).loop_lag
        watch = asyncio.create_task(watch_loop(lag))
        await asyncio.sleep(0)
        time.sleep(0.6)  # noqa: ASYNC251 - the lag to be seen
        for _ in range(3):
            await asyncio.sleep(0)
        watch.cancel()
        return lag

    lag = asyncio.run(main())
    assert sum(lag.counts) == 1
    assert lag.sum >= 0.05
