"""Times as XMPP writes them (XEP-0082)."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol.timestamps import format_timestamp, parse_timestamp


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))
def test_what_is_written_reads_the_same(moment):
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert parse_timestamp(format_timestamp(moment)) == moment


def test_the_form():
    """XEP-0082 section 3.2: the first man on the moon."""
    houston = datetime(1969, 7, 20, 21, 56, 15, tzinfo=timezone(-timedelta(hours=5)))
    assert format_timestamp(houston) == "1969-07-21T02:56:15.000Z"
    assert parse_timestamp("1969-07-20T21:56:15-05:00") == houston
    assert parse_timestamp("1969-07-21T02:56:15Z") == houston


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1969-07-21",
        "1969-07-21T02:56:15",
        "1969-07-21 02:56:15Z",
        "19690721T025615Z",
        "1969-W30-1T02:56:15Z",
        "1969-07-21T02:56:15,5Z",
        "1969-13-21T02:56:15Z",
        "0001-01-01T00:00:00+05:00",
        "9999-12-31T23:59:59-05:00",
    ],
)
def test_what_is_no_time(text):
    with pytest.raises(ValueError):
        parse_timestamp(text)


@given(st.one_of(st.text(max_size=30), st.from_regex(r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)\Z")))
def test_garbage_is_a_value_error(text):
    with contextlib.suppress(ValueError):
        assert parse_timestamp(text).tzinfo is UTC


def test_parts_of_a_second():
    assert parse_timestamp("1969-07-21T02:56:15.5Z").microsecond == 500_000
    assert parse_timestamp("1969-07-21T02:56:15.123456789Z").microsecond == 123_456
