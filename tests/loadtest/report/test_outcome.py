import json
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadtest.report.outcome import Outcome, bucket, outcome, percentile


def stats(*entries, errors=()):
    """What Locust's statistics look like; an entry is a name, latencies, and a number of failures."""
    rows = {
        name: SimpleNamespace(
            name=name,
            num_requests=len(times) + failures,
            num_failures=failures,
            response_times=Counter(map(bucket, times)),
            max_response_time=max(times, default=0),
            total_rps=2.0,
        )
        for name, times, failures in entries
    }
    total = SimpleNamespace(
        num_requests=sum(row.num_requests for row in rows.values()),
        num_failures=sum(row.num_failures for row in rows.values()),
    )
    found = {
        index: SimpleNamespace(error=error, occurrences=count) for index, (error, count) in enumerate(errors)
    }
    return SimpleNamespace(entries=rows, total=total, errors=found)


@pytest.mark.parametrize(
    ("exact", "kept"), [(0.234, 0.2), (9.87, 9.9), (12.4, 12), (147.0, 150), (3432.0, 3400), (58760.0, 59000)]
)
def test_two_digits_of_a_latency_are_kept(exact, kept):
    assert bucket(exact) == kept


@given(st.lists(st.integers(0, 50), min_size=1), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_the_latency_within_which_that_share_is(times, share):
    found = percentile(Counter(map(float, times)), share)
    assert sum(time <= found for time in times) >= share * len(times) - 1e-6
    assert sum(time < found for time in times) <= share * len(times) + 1e-6


def test_the_figures_of_a_run_survive_json():
    found = outcome(
        stats(
            ("login", [10.0] * 98 + [199.0, 201.0], 1), ("never", [], 0), errors=[("lost", 3), ("twice", 1)]
        )
    )
    assert (found.lost, found.twice, found.requests, found.failures) == (3, 1, 101, 1)
    row = found.row("login")
    assert row is not None
    assert (row.p50, row.p99, row.max) == (10, 200, 201.0)
    assert found.row("never") is None
    assert found.fail_ratio == pytest.approx(1 / 101)
    assert Outcome.of_plain(json.loads(json.dumps(found.plain()))) == found


def test_what_was_all_lost_has_no_latency():
    found = outcome(stats(("message (end to end)", [], 2)))
    assert found.rows[0].p99 is None
    assert outcome(stats()).fail_ratio == 0
