import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadtest.xmpp.management import REQUEST, Acknowledgements


def test_one_request_is_open_at_a_time():
    counters = Acknowledgements("id")
    assert counters.sending(b"<message/>") == b"<message/>" + REQUEST
    assert counters.sending(b"<presence/>") == b"<presence/>"
    counters.acknowledge(1)
    assert counters.sending(b"<iq/>") == b"<iq/>" + REQUEST


def test_what_was_not_acknowledged_is_sent_again_in_order():
    counters = Acknowledgements("id")
    for number in range(5):
        counters.sending(b"%d" % number)
    counters.acknowledge(2)
    assert counters.again() == [b"2", b"3", b"4"]


def test_more_than_was_sent_cannot_be_acknowledged():
    with pytest.raises(ValueError, match="2 stanzas acknowledged of 0"):
        Acknowledgements("id").acknowledge(2)


def test_the_server_is_told_what_was_handled():
    counters = Acknowledgements("some-id")
    counters.handled()
    assert b" h='1'" in counters.answer()
    assert b" h='1' previd='some-id'" in counters.resume()


@given(st.lists(st.integers(0, 5), max_size=30))
def test_acknowledged_and_waiting_are_always_all_that_was_sent(steps):
    counters, sent, acknowledged = Acknowledgements("id"), 0, 0
    for step in steps:
        for _ in range(step):
            counters.sending(b"%d" % sent)
            sent += 1
        acknowledged += min(step // 2, sent - acknowledged)
        counters.acknowledge(acknowledged)
        assert counters.again() == [b"%d" % number for number in range(acknowledged, sent)]
