from __future__ import annotations

from typing import Any

import pytest

from roost.core.ports import BusUnavailable

ROMEO, JULIET, NURSE = "romeo@example.net", "juliet@example.com", "nurse@example.com"
ORCHARD, TOMB = f"{ROMEO}/orchard", f"{ROMEO}/tomb"
BALCONY, KITCHEN = f"{JULIET}/balcony", f"{NURSE}/kitchen"


@pytest.fixture
def verona(world: Any) -> Any:
    """Romeo twice, and Juliet, who hears of him; the nurse, who got directed presence."""
    world.befriend(ROMEO, JULIET)
    for full in (ORCHARD, TOMB, BALCONY, KITCHEN):
        world.login(full)
        world.available(full)
    world.directed(ORCHARD, NURSE)
    world.directed(ORCHARD, BALCONY)
    world.settle()
    world.silence()
    return world


def test_everyone_who_had_the_presence_hears_once(verona: Any) -> None:
    verona.end(ORCHARD)
    verona.settle()
    for full in (TOMB, BALCONY, KITCHEN):
        assert verona.heard(full) == [f"unavailable {ORCHARD}"]
    assert [record.resource for record in verona.records[ROMEO].values()] == ["tomb"]


def test_the_clients_own_last_words_are_what_others_hear(verona: Any) -> None:
    final = f"<presence from='{ORCHARD}' type='unavailable'><status>adieu</status></presence>"
    verona.end(ORCHARD, final.encode())
    verona.settle()
    assert verona.heard(BALCONY) == [f"unavailable {ORCHARD} adieu"]


def test_a_second_report_of_the_same_end_does_nothing(verona: Any) -> None:
    sid = verona.end(ORCHARD)
    verona.post("ended", ORCHARD, sid, b"", "crashed")
    verona.settle()
    verona.post("ended", ORCHARD, sid, b"", "crashed")
    verona.settle()
    assert verona.heard(BALCONY) == [f"unavailable {ORCHARD}"]


def test_a_dead_pods_session_is_ended_though_nobody_marked_it(verona: Any) -> None:
    sid = verona.record(ORCHARD).sid
    verona.post("ended", ORCHARD, sid, b"", "crashed")
    verona.settle()
    assert verona.heard(BALCONY) == [f"unavailable {ORCHARD}"]
    assert "orchard" not in verona.records[ROMEO]


def test_the_end_of_another_session_with_the_same_resource_is_not_ours(verona: Any) -> None:
    verona.post("ended", ORCHARD, "somebody-else", b"", "crashed")
    verona.settle()
    assert verona.heard(BALCONY) == []


def test_a_session_without_presence_ends_in_silence(verona: Any) -> None:
    full = f"{ROMEO}/cell"
    verona.login(full)
    verona.end(full)
    verona.settle()
    assert verona.heard(BALCONY) == verona.heard(TOMB) == []


def test_a_new_session_takes_the_resource_over(verona: Any) -> None:
    """The old one's end comes before the new one's presence, and the new one does not hear it is gone."""
    old = verona.end(ORCHARD)
    new = verona.login(ORCHARD)
    verona.available(ORCHARD)
    verona.settle()
    assert old != new
    assert verona.heard(BALCONY) == [f"unavailable {ORCHARD}", f"available {ORCHARD}"]
    assert f"unavailable {ORCHARD}" not in verona.heard(ORCHARD)


@pytest.mark.parametrize("broken", [1, 2])
def test_a_successor_that_does_it_again_tells_nobody_twice(verona: Any, broken: int) -> None:
    verona.end(ORCHARD)
    verona.available(BALCONY, "<show>away</show>")
    verona.broken_flushes = broken
    for _ in range(broken):
        with pytest.raises(BusUnavailable):
            verona.settle()
    verona.shard = verona.start()
    verona.settle()
    handled = verona.handled
    verona.shard, verona.handled = verona.start(), 0  # and one that begins at the very beginning
    verona.settle()
    assert verona.handled == handled
    assert verona.heard(BALCONY)[0] == f"unavailable {ORCHARD}"
    assert verona.heard(KITCHEN) == [f"unavailable {ORCHARD}"]
