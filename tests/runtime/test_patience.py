"""Waiting for what is away."""

import pytest

from roost.runtime import patience


@pytest.fixture
def tries(monkeypatch):
    """An attempt that fails as often as it is told, and then says how often it was made."""
    monkeypatch.setattr(patience, "_LOOK_SECONDS", 0.001)

    def failing(times, error):
        made = []

        async def attempt():
            made.append(None)
            if len(made) <= times:
                raise error
            return len(made)

        return attempt

    return failing


def test_what_comes_in_time_is_found(run, tries):
    assert run(patience.patiently(tries(3, ConnectionError("away")), 30, ConnectionError)) == 4


def test_what_does_not_come_is_told_as_it_is(run, tries):
    with pytest.raises(ConnectionError, match="away"):
        run(patience.patiently(tries(10**6, ConnectionError("away")), 0.01, ConnectionError))


def test_without_patience_there_is_one_try(run, tries):
    with pytest.raises(ConnectionError):
        run(patience.patiently(tries(1, ConnectionError("away")), 0, ConnectionError))


def test_what_is_wrong_is_not_waited_for(run, tries):
    with pytest.raises(ValueError, match="wrong"):
        run(patience.patiently(tries(1, ValueError("wrong")), 30, ConnectionError))
