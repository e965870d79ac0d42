from __future__ import annotations

from typing import Any

ROMEO, JULIET, NURSE = "romeo@example.net", "juliet@example.com", "nurse@example.com"
ORCHARD, TOMB = f"{ROMEO}/orchard", f"{ROMEO}/tomb"
BALCONY, CHAMBER = f"{JULIET}/balcony", f"{JULIET}/chamber"


def online(world: Any, *fulls: str) -> None:
    for full in fulls:
        world.login(full)
        world.available(full)
    world.settle()
    world.silence()


def test_initial_presence_reaches_contacts_and_all_own_resources(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    online(world, BALCONY, CHAMBER, TOMB)
    world.login(ORCHARD)
    world.available(ORCHARD, "<status>here</status>")
    world.settle()
    assert world.heard(BALCONY) == world.heard(CHAMBER) == [f"available {ORCHARD} here"]
    assert world.heard(TOMB) == [f"available {ORCHARD} here"]
    # RFC 6121 section 4.2.2: the resource that speaks too; then what it would otherwise have to probe for
    assert world.heard(ORCHARD) == [
        f"available {ORCHARD} here",
        f"available {TOMB}",
        f"available {BALCONY}",
        f"available {CHAMBER}",
    ]


def test_presence_goes_only_where_a_subscription_leads(world: Any) -> None:
    world.befriend(ROMEO, JULIET, "to")
    world.befriend(ROMEO, NURSE, "none")
    online(world, BALCONY, f"{NURSE}/kitchen")
    world.login(ORCHARD)
    world.available(ORCHARD)
    world.settle()
    assert world.heard(BALCONY) == world.heard(f"{NURSE}/kitchen") == []
    assert f"available {BALCONY}" in world.heard(ORCHARD)
    world.available(BALCONY, "<show>away</show>")
    world.settle()
    assert world.heard(ORCHARD) == [f"available {BALCONY} away"]


def test_contacts_of_other_servers_are_passed_over(world: Any) -> None:
    world.befriend(ROMEO, "benvolio@elsewhere.example")
    online(world, ORCHARD)
    world.end(ORCHARD)
    world.settle()


def test_a_session_without_presence_hears_nothing(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    world.login(BALCONY)
    online(world, ORCHARD)
    assert world.heard(BALCONY) == []


def test_a_negative_priority_is_available(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    world.login(BALCONY)
    world.available(BALCONY, priority=-5)
    online(world, ORCHARD)
    world.available(ORCHARD, "<show>dnd</show>")
    world.settle()
    assert world.heard(BALCONY) == [f"available {ORCHARD} dnd"]


def test_unavailable_is_told_once_and_the_list_of_directed_presence_cleared(world: Any) -> None:
    world.befriend(ROMEO, JULIET)
    online(world, ORCHARD, TOMB, BALCONY, f"{NURSE}/kitchen")
    world.directed(ORCHARD, NURSE)
    world.directed(ORCHARD, BALCONY)
    world.settle()
    assert world.heard(f"{NURSE}/kitchen") == [f"available {ORCHARD}"]
    world.silence()
    world.unavailable(ORCHARD)
    world.settle()
    for full in (ORCHARD, TOMB, BALCONY, f"{NURSE}/kitchen"):
        assert world.heard(full) == [f"unavailable {ORCHARD} bye"]
    world.end(ORCHARD)
    world.settle()
    for full in (TOMB, BALCONY, f"{NURSE}/kitchen"):
        assert world.heard(full) == []


def test_directed_presence_after_unavailable_is_taken_back_at_the_end(world: Any) -> None:
    online(world, ORCHARD, f"{NURSE}/kitchen")
    world.unavailable(ORCHARD)
    world.directed(ORCHARD, f"{NURSE}/kitchen")
    world.settle()
    assert world.heard(f"{NURSE}/kitchen")[-1] == f"available {ORCHARD}"
    world.end(ORCHARD)
    world.settle()
    assert world.heard(f"{NURSE}/kitchen") == [f"unavailable {ORCHARD}"]


def test_directed_presence_goes_to_the_resource_it_names(world: Any) -> None:
    online(world, ORCHARD, BALCONY, CHAMBER)
    world.directed(ORCHARD, BALCONY)
    world.directed(ORCHARD, f"{JULIET}/attic")
    world.directed(ORCHARD, "benvolio@elsewhere.example/inn")
    world.settle()
    assert world.heard(BALCONY) == [f"available {ORCHARD}"]
    assert world.heard(CHAMBER) == []
    assert sorted(world.dropped) == ["elsewhere", "nobody"]


def test_a_directed_goodbye_is_the_last_thing_that_its_receiver_hears(world: Any) -> None:
    online(world, ORCHARD, f"{NURSE}/kitchen")
    world.directed(ORCHARD, NURSE)
    world.directed(ORCHARD, NURSE, "unavailable")
    world.settle()
    world.end(ORCHARD)
    world.settle()
    assert world.heard(f"{NURSE}/kitchen") == [f"available {ORCHARD}", f"unavailable {ORCHARD}"]


def test_an_available_session_that_was_told_to_have_ended_says_nothing_more(world: Any) -> None:
    """A late connection manager's entry behind the sweep's."""
    world.befriend(ROMEO, JULIET)
    online(world, BALCONY, ORCHARD)
    sid = world.end(ORCHARD)
    world.post("available", ORCHARD, sid, f"<presence from='{ORCHARD}'/>".encode())
    world.settle()
    world.post("available", ORCHARD, sid, f"<presence from='{ORCHARD}'/>".encode())
    world.settle()
    assert world.heard(BALCONY) == [f"unavailable {ORCHARD}"]


def test_one_sending_for_many_receivers(world: Any) -> None:
    contacts = [f"friend{number}@example.com" for number in range(50)]
    for contact in contacts:
        world.befriend(ROMEO, contact)
        world.login(f"{contact}/home")
        world.available(f"{contact}/home")
    online(world, ORCHARD)
    before, loads = world.fanouts, world.loads
    world.available(ORCHARD, "<show>xa</show>")
    world.settle()
    assert world.fanouts == before + 1
    assert world.loads == loads
    assert all(world.heard(f"{contact}/home") == [f"available {ORCHARD} xa"] for contact in contacts)
