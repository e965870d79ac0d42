from hypothesis import given
from hypothesis import strategies as st
from loadtest.delivery.flow import Arrival, Flow, LatestFlow


def test_what_comes_in_order_is_new_and_again_is_twice():
    flow = Flow()
    assert [flow.arrived(number) for number in (1, 2, 2, 1)] == [
        Arrival.NEW,
        Arrival.NEW,
        Arrival.TWICE,
        Arrival.TWICE,
    ]


def test_what_was_overtaken_is_out_of_order():
    flow = Flow()
    assert [flow.arrived(number) for number in (2, 1, 3)] == [Arrival.NEW, Arrival.DISORDERED, Arrival.NEW]


def test_what_was_claimed_and_has_not_come_in_time_is_lost_once():
    flow = Flow()
    flow.claim(3, sent_at=10.0)
    flow.arrived(2)
    assert flow.open() == 2
    assert flow.overdue(sent_before=10.0) == 0
    assert flow.overdue(sent_before=10.1) == 2
    assert flow.overdue(sent_before=99.0) == 0
    assert flow.open() == 0
    assert flow.arrived(3) is Arrival.LATE
    assert flow.arrived(4) is Arrival.NEW


def test_what_was_returned_to_its_sender_is_not_lost():
    flow = Flow()
    flow.claim(1, 10.0)
    flow.excuse(1)
    assert flow.open() == flow.overdue(99.0) == 0


@given(st.permutations(range(1, 9)), st.sets(st.integers(1, 8)))
def test_all_that_was_claimed_is_either_here_or_lost(order, dropped):
    flow = Flow()
    flow.claim(8, 0.0)
    for number in order:
        if number not in dropped:
            assert flow.arrived(number) in {Arrival.NEW, Arrival.DISORDERED}
    assert flow.open() == len(dropped)
    assert flow.overdue(1.0) == len(dropped)


def test_only_the_latest_presence_counts():
    flow = LatestFlow()
    for number in (1, 2, 3):
        flow.claim(number, float(number))
    assert flow.arrived(2)
    assert not flow.arrived(1)
    assert flow.open() == 1
    assert flow.overdue(3.0) == 0
    assert flow.overdue(3.1) == 1
    assert not flow.arrived(3)  # it has been given up
