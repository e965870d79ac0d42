from types import SimpleNamespace

import pytest
from loadtest.report.outcome import Outcome, Row
from loadtest.report.thresholds import broken, set_any

NONE = dict.fromkeys(
    (
        "fail_p99_message",
        "fail_p99_presence",
        "fail_p99_login",
        "fail_p99_reconnect",
        "fail_loss",
        "fail_twice",
        "fail_ratio",
    )
)
RUN = Outcome(
    [Row("message (end to end)", 100, 2, 1, 20, 40, 50, 10)], lost=2, twice=1, requests=100, failures=2
)
EMPTY = Outcome([], 0, 0, 0, 0)


def options(**asked):
    return SimpleNamespace(**{**NONE, **asked})


def test_without_thresholds_nothing_is_judged():
    assert not set_any(options())
    assert set_any(options(fail_loss=0))
    assert broken(options(), RUN) == []


@pytest.mark.parametrize(
    "asked",
    [{"fail_p99_message": 40.0}, {"fail_loss": 2}, {"fail_twice": 1}, {"fail_ratio": 0.02}],
)
def test_what_is_just_allowed_passes(asked):
    assert broken(options(**asked), RUN) == []


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"fail_p99_message": 39.0},
            "The 99th percentile of message is 40 ms; no more than 39 ms are allowed.",
        ),
        ({"fail_p99_login": 9.0}, "No login was measured, so its 99th percentile cannot be 9 ms or less."),
        ({"fail_loss": 0}, "2 messages or presences were lost; no more than 0 are allowed."),
        ({"fail_twice": 0}, "1 messages or presences were delivered twice; no more than 0 are allowed."),
        ({"fail_ratio": 0.01}, "2.00% of the requests failed; no more than 1.00% are allowed."),
    ],
)
def test_what_is_too_much_is_said(asked, sentence):
    assert broken(options(**asked), RUN) == [sentence]


def test_a_run_without_requests_has_not_passed():
    assert broken(options(fail_ratio=0.5), EMPTY) == [
        "Nothing was measured, so no ratio of failures can be told."
    ]
