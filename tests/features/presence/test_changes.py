"""Thousands of subscriptions at once: few turns, everyone agrees, also when processes die all the time."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from roost.core.ports import BusUnavailable, StoreUnavailable

PEOPLE = [f"person{number}@example.net" for number in range(9)]
PAIRS = [(one, other) for one in PEOPLE for other in PEOPLE if one != other]


@pytest.fixture
def crowd(world: Any) -> Any:
    """Strangers, all online."""
    for one in PEOPLE:
        world.login(f"{one}/x")
        world.available(f"{one}/x")
    world.settle()
    world.silence()
    return world


def befriend_all(crowd: Any) -> None:
    for type in ("subscribe", "subscribed"):
        for one, other in PAIRS:
            crowd.say(type, one, other)


def friends(crowd: Any) -> set[tuple[str, str]]:
    return {
        (one, other)
        for one in PEOPLE
        for other, item in crowd.rosters[one].items()
        if item.subscription == "both" and not item.ask and not item.pending_in
    }


def turns(crowd: Any) -> int:
    """Let everything be handled; in how many turns."""
    count = 0
    while crowd.handled < len(crowd.log):
        entries = crowd.log[crowd.handled : crowd.handled + 100]
        crowd.handled = entries[asyncio.run(crowd.shard.handle(entries)) - 1][0]
        count += 1
    return count


def test_changes_of_different_items_share_turns(crowd: Any) -> None:
    befriend_all(crowd)
    assert turns(crowd) < len(crowd.log) / 15
    assert friends(crowd) == set(PAIRS)
    for one in PEOPLE:
        heard = crowd.heard(f"{one}/x")
        for other in PEOPLE:
            if other != one:
                assert heard.count(f"available {other}/x") == 1
                assert any(said.startswith(f"push {other} both") for said in heard)


def test_each_hears_the_stanza_then_the_push_then_the_presence(crowd: Any) -> None:
    for one, other in PAIRS:
        crowd.say("subscribe", one, other)
    crowd.settle()
    crowd.silence()
    for one, other in PAIRS:
        crowd.say("subscribed", one, other)
    crowd.settle()
    for one in PEOPLE:
        heard = crowd.heard(f"{one}/x")
        for other in PEOPLE:
            if other != one:
                last_push = max(at for at, said in enumerate(heard) if said.startswith(f"push {other} "))
                places = [heard.index(f"subscribed {other}"), last_push]
                assert places == sorted(places)
                assert heard.index(f"subscribed {other}") < heard.index(f"available {other}/x")


@pytest.mark.parametrize("seed", range(5))
def test_processes_that_die_in_the_middle_leave_everyone_agreed(crowd: Any, seed: int) -> None:
    chance = random.Random(seed)
    befriend_all(crowd)
    giving_up = chance.sample(PAIRS, 20)
    for one, other in giving_up:
        crowd.say(chance.choice(("unsubscribe", "unsubscribed")), one, other)
    crowd.say("unsubscribe", PEOPLE[0], PEOPLE[1])
    while crowd.handled < len(crowd.log):
        crowd.broken_flushes = chance.randrange(2)
        try:
            crowd.settle(chance.randrange(1, 101))
        except BusUnavailable:
            crowd.shard = crowd.start()  # the store has been written, and its successor begins anew
    heard = {one: crowd.heard(f"{one}/x") for one in PEOPLE}
    for one, other in PAIRS:
        mine, theirs = crowd.rosters[one].get(other), crowd.rosters[other].get(one)
        wants = mine is not None and mine.subscription in {"to", "both"}
        gives = theirs is not None and theirs.subscription in {"from", "both"}
        assert wants == gives
        seen = [said.partition(" ")[0] for said in heard[one] if said.endswith(f" {other}/x")]
        assert (seen[-1:] == ["available"]) == wants


def test_a_change_that_fails_is_told_of_and_the_others_are_made(crowd: Any) -> None:
    crowd.unwritable = PEOPLE[2]
    for one in PEOPLE:
        crowd.say("subscribed", one, "nurse@example.com")
    with pytest.raises(AssertionError):
        crowd.settle()
    assert [str(bug) for bug in crowd.bugs] == ["the test says so"]
    assert [one for one in PEOPLE if not crowd.rosters[one]] == [PEOPLE[2]]


def test_each_change_is_pushed_once_though_the_store_went_away_meanwhile(crowd: Any) -> None:
    crowd.unwritable, crowd.why = PEOPLE[2], StoreUnavailable("the test says so")
    for one in PEOPLE[:4]:
        crowd.say("subscribed", one, "nurse@example.com")
    with pytest.raises(StoreUnavailable):
        crowd.settle()
    crowd.unwritable = ""
    crowd.settle()
    for one in PEOPLE[:4]:
        assert crowd.heard(f"{one}/x") == ["push nurse@example.com none approved"]


@pytest.mark.parametrize("successor", [False, True])
def test_what_was_written_and_not_pushed_is_pushed_by_who_does_it_again(crowd: Any, successor: bool) -> None:
    for number in range(300):
        crowd.available(f"{PEOPLE[0]}/x", f"<status>{number}</status>")
    crowd.settle()
    crowd.silence()
    for one in PEOPLE[:4]:
        crowd.say("subscribed", one, "nurse@example.com")
    crowd.dies_when_written = True
    with pytest.raises(BusUnavailable):
        crowd.settle()
    if successor:
        crowd.shard = crowd.start()
    crowd.settle()
    crowd.say("subscribed", PEOPLE[5], "nurse@example.com")
    crowd.settle()
    for one in PEOPLE[:4] + PEOPLE[5:6]:
        assert crowd.heard(f"{one}/x") == ["push nurse@example.com none approved"]
