from hypothesis import given
from hypothesis import strategies as st

from roost.runtime.figures import FAST_SECONDS, SIZES, Histogram


@given(st.lists(st.integers(0, 100_000_000)))
def test_each_value_is_counted_at_the_first_bound_that_it_does_not_exceed(values):
    histogram = Histogram(FAST_SECONDS, scale=1_000_000)
    for value in values:
        histogram.observe(value)
    assert histogram.sum == sum(values)
    for at, bound in enumerate(FAST_SECONDS):
        assert sum(histogram.counts[: at + 1]) == sum(value <= bound * 1_000_000 for value in values)
    assert sum(histogram.counts) == len(values)


def test_a_bound_itself_counts_below_it():
    histogram = Histogram(SIZES)
    for size in SIZES:
        histogram.observe(size)
    assert histogram.counts == [1] * len(SIZES) + [0]
