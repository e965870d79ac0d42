from __future__ import annotations

import asyncio
from typing import Any

import pytest

ROMEO, JULIET = "romeo@example.net", "juliet@example.com"
ORCHARD, BALCONY = f"{ROMEO}/orchard", f"{JULIET}/balcony"


def test_a_bug_in_one_entry_is_that_entrys_alone(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    for full in (ORCHARD, BALCONY):
        world.login(full)
        world.available(full)
    world.settle()
    world.silence()
    sid = world.record(ORCHARD).sid
    world.log.append((len(world.log) + 1, b"no entry at all"))
    world.post("directed", ORCHARD, sid, b"<not xml")
    world.post("subscribe", ORCHARD, sid, b"<presence to='@'/>")
    world.post("ended", "@", "s", b"")
    world.available(ORCHARD, "<show>away</show>")
    with pytest.raises(AssertionError):
        world.settle()
    assert len(world.bugs) == 4
    world.bugs.clear()
    world.settle()
    assert world.heard(BALCONY) == [f"available {ORCHARD} away"]


def test_a_turn_ends_with_the_first_entry_that_changes_a_roster(world: Any) -> None:
    world.login(ORCHARD)
    world.available(ORCHARD)
    world.say("subscribe", ROMEO, JULIET)
    world.available(ORCHARD, "<show>away</show>")
    assert asyncio.run(world.shard.handle(world.log)) == 2
    assert asyncio.run(world.shard.handle(world.log[2:3])) == 1


def test_entries_of_many_accounts_in_any_batches(world: Any) -> None:
    people = [f"{name}@example.net" for name in ("a", "b", "c", "d")]
    for one in people:
        for other in people:
            if one < other:
                world.befriend(one, other)
    for one in people:
        world.login(f"{one}/x")
        world.available(f"{one}/x")
    world.settle(batch=3)
    for one in people:
        heard = {said.partition(" ")[2] for said in world.heard(f"{one}/x")}
        assert heard == {f"{other}/x" for other in people}
