from __future__ import annotations

from typing import Any

ROMEO, JULIET = "romeo@example.net", "juliet@example.com"
ORCHARD, BALCONY = f"{ROMEO}/orchard", f"{JULIET}/balcony"


def ask(world: Any, sender: str = ROMEO, to: str = JULIET) -> None:
    world.login(ORCHARD)
    world.available(ORCHARD)
    world.settle()
    world.silence()
    world.say("probe", sender, to)
    world.settle()


def test_a_subscriber_is_told_the_presence(world: Any) -> None:
    world.befriend(ROMEO, JULIET, "to")
    world.login(BALCONY)
    world.available(BALCONY, "<show>chat</show>")
    ask(world)
    assert world.heard(ORCHARD) == [f"available {BALCONY} chat"]


def test_a_subscriber_is_told_that_nobody_is_there(world: Any) -> None:
    world.befriend(ROMEO, JULIET, "to")
    ask(world)
    assert world.heard(ORCHARD) == [f"unavailable {JULIET}"]


def test_others_learn_nothing(world: Any) -> None:
    """RFC 6121 section 4.3.2, rule 1; what Romeo's roster believed is put right."""
    world.befriend(ROMEO, JULIET, "to")
    world.rosters[JULIET].clear()
    world.login(BALCONY)
    world.available(BALCONY)
    ask(world)
    assert world.rosters[ROMEO][JULIET].subscription == "none"
    heard = world.heard(ORCHARD)
    assert f"unsubscribed {JULIET}" in heard
    assert not [one for one in heard if one.startswith("available")]


def test_an_account_that_does_not_exist_is_as_one_that_says_no(world: Any) -> None:
    ask(world, to="nobody@example.com")
    assert world.heard(ORCHARD) == []
