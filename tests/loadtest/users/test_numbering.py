from hypothesis import given
from hypothesis import strategies as st
from loadtest.users.numbering import Numbering


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 20))
def test_no_two_users_have_a_number_and_numbers_are_dense(workers, kinds, users):
    scenarios = [f"scenario{count}" for count in range(kinds)]
    numbers = []
    for rank in range(workers):
        numbering = Numbering(rank, workers, scenarios)
        for scenario in scenarios:
            positions = [numbering.take(scenario) for _ in range(users)]
            assert {numbering.rank_of(position) for position in positions} <= {rank}
            numbers += [numbering.number(scenario, position) for position in positions]
    assert sorted(numbers) == list(range(workers * kinds * users))


def test_neighbours_sit_on_different_workers():
    numbering = Numbering(0, 3, ["Chat"])
    assert all(numbering.rank_of(position) != numbering.rank_of(position ^ 1) for position in range(12))


def test_the_lowest_number_that_is_free_is_given_again():
    numbering = Numbering(1, 2, ["Chat"])
    taken = [numbering.take("Chat") for _ in range(4)]
    assert taken == [1, 3, 5, 7]
    numbering.give_back("Chat", 5)
    numbering.give_back("Chat", 3)
    assert [numbering.take("Chat") for _ in range(3)] == [3, 5, 9]
