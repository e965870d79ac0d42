"""RFC 6121 appendix A, row by row. Y: passed on; a state's name: where it leads, `.`: no change."""

from __future__ import annotations

import pytest

from roost.protocol.subscription import STATES, TYPES, State, inbound, outbound

NAMES = {
    "none": State(),
    "none+out": State(ask=True),
    "none+in": State(pending_in=True),
    "none+out+in": State(ask=True, pending_in=True),
    "to": State("to"),
    "to+in": State("to", pending_in=True),
    "from": State("from"),
    "from+out": State("from", ask=True),
    "both": State("both"),
}

OUTBOUND = """
              subscribe      unsubscribe  subscribed  unsubscribed
none          Y none+out     Y .          n .         n .
none+out      Y .            Y none       n .         n .
none+in       Y none+out+in  Y .          Y from      Y none
none+out+in   Y .            Y none+in    Y from+out  Y none+out
to            Y .            Y none       n .         n .
to+in         Y .            Y none+in    Y both      Y to
from          Y from+out     Y .          n .         Y none
from+out      Y .            Y from       n .         Y none+out
both          Y .            Y from       n .         Y to
"""
INBOUND = """
              subscribe      unsubscribe  subscribed  unsubscribed
none          Y none+in      n .          n .         n .
none+out      Y none+out+in  n .          Y to        Y none
none+in       n .            Y none       n .         n .
none+out+in   n .            Y none+out   Y to+in     Y none+in
to            Y to+in        n .          n .         Y none
to+in         n .            Y to         n .         Y none+in
from          n .            Y none       n .         n .
from+out      n .            Y none+out   Y both      Y from
both          n .            Y to         n .         Y from
"""


def rows(table: str) -> list[tuple[str, str, bool, str]]:
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        (line[0], type, line[1 + 2 * at] == "Y", line[0] if line[2 + 2 * at] == "." else line[2 + 2 * at])
        for line in lines
        for at, type in enumerate(head)
    ]


@pytest.mark.parametrize(("before", "type", "passed", "after"), rows(OUTBOUND))
def test_outbound(before: str, type: str, passed: bool, after: str) -> None:
    done = outbound(NAMES[before], type)
    assert done.passed is passed
    assert done.state._replace(approved=False) == NAMES[after]


@pytest.mark.parametrize(("before", "type", "passed", "after"), rows(INBOUND))
def test_inbound(before: str, type: str, passed: bool, after: str) -> None:
    done = inbound(NAMES[before], type)
    assert done.passed is passed
    assert done.state == NAMES[after]


def test_there_are_nine_states_and_they_are_closed() -> None:
    assert set(STATES) == set(NAMES.values())
    for state in STATES:
        for type in TYPES:
            assert outbound(state, type).state._replace(approved=False) in STATES
            assert inbound(state, type).state in STATES


@pytest.mark.parametrize("state", ["from", "from+out", "both"])
def test_a_request_that_was_granted_before_is_answered_at_once(state: str) -> None:
    assert inbound(NAMES[state], "subscribe").reply == "subscribed"


@pytest.mark.parametrize("state", ["none", "none+out", "to"])
def test_yes_in_advance_goes_nowhere_and_grants_the_request_when_it_comes(state: str) -> None:
    done = outbound(NAMES[state], "subscribed")
    assert (done.state, done.passed) == (NAMES[state]._replace(approved=True), False)
    asked = inbound(done.state, "subscribe")
    assert (asked.passed, asked.reply) == (False, "subscribed")
    assert asked.state.subscription in {"from", "both"}
    assert not asked.state.pending_in


@pytest.mark.parametrize("state", ["from", "from+out", "both"])
def test_yes_to_one_who_has_it_changes_nothing(state: str) -> None:
    done = outbound(NAMES[state], "subscribed")
    assert (done.state, done.passed) == (NAMES[state], False)


def test_no_takes_back_the_yes_in_advance() -> None:
    done = outbound(State(approved=True), "unsubscribed")
    assert (done.state, done.passed) == (State(), False)
