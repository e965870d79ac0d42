import pytest
from hypothesis import given
from hypothesis import strategies as st
from loadtest.delivery.stamp import Stamp, new_flow, read


@given(st.integers(1, 10**9), st.integers(0, 2 * 10**15))
def test_an_id_says_what_was_stamped(number, microseconds):
    stamp = Stamp("17-3f:load0+load1", number, microseconds / 1_000_000)
    found = read(stamp.id())
    assert found is not None
    assert (found.flow, found.number) == (stamp.flow, stamp.number)
    assert found.sent_at == pytest.approx(stamp.sent_at, abs=2e-6)


@pytest.mark.parametrize("id", [None, "", "ask1", "e2e", "e2e.1.2", "e2e.a.b.c", "e2e.a.1.2.3"])
def test_other_ids_are_no_stamps(id):
    assert read(id) is None


def test_flows_differ_from_run_to_run():
    assert len({new_flow("7") for _ in range(3)}) > 1
    assert "." not in new_flow("7")
