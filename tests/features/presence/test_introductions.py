from __future__ import annotations

from typing import Any

ROMEO, JULIET = "romeo@example.net", "juliet@example.com"
ORCHARD, BALCONY = f"{ROMEO}/orchard", f"{JULIET}/balcony"


def test_what_changes_between_reading_and_sending_is_put_right(world: Any) -> None:
    """Juliet's shard tells of her going before Romeo's shard shows the presence it had read."""
    world.befriend(ROMEO, JULIET)
    world.login(BALCONY)
    world.available(BALCONY)
    world.settle()
    world.login(ORCHARD)
    world.available(ORCHARD)
    world.on_read = world.raw[JULIET].clear
    world.settle()
    assert world.heard(ORCHARD)[-2:] == [f"available {BALCONY}", f"unavailable {BALCONY}"]


def test_a_newer_presence_replaces_the_one_that_was_shown(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    world.login(BALCONY)
    world.available(BALCONY)
    world.settle()
    world.login(ORCHARD)
    world.available(ORCHARD)
    newer = f"<presence from='{BALCONY}'><show>away</show></presence>".encode()
    world.on_read = lambda: world.raw[JULIET].update(balcony=newer)
    world.settle()
    assert world.heard(ORCHARD)[-2:] == [f"available {BALCONY}", f"available {BALCONY} away"]


def test_nothing_is_shown_twice_when_nothing_changes(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    world.login(BALCONY)
    world.available(BALCONY)
    world.settle()
    world.login(ORCHARD)
    world.available(ORCHARD)
    world.settle()
    assert world.heard(ORCHARD) == [f"available {ORCHARD}", f"available {BALCONY}"]


def test_a_session_that_may_have_missed_something_is_shown_everything_anew(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    for full in (BALCONY, f"{JULIET}/chamber", ORCHARD):
        world.login(full)
        world.available(full)
    world.settle()
    world.silence()
    record = world.record(ORCHARD)
    world.records[JULIET].pop("chamber")  # lost with all that Redis held
    world.raw[JULIET].pop("chamber")
    world.post("available", ORCHARD, record.sid, f"<presence from='{ORCHARD}'/>".encode(), "again")
    world.settle()
    assert world.heard(ORCHARD) == [f"available {ORCHARD}", f"unavailable {JULIET}", f"available {BALCONY}"]
