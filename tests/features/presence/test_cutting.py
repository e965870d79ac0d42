from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roost.core.ports import RosterItem
from roost.core.rosters import write_removed
from roost.features.presence.cutting import CHANGING, Cut, Step
from roost.protocol.envelope import NOTHING, VERBS, PresenceEntry

ROMEO, JULIET, NURSE = "romeo@example.net", "juliet@example.com", "nurse@example.com"


def step(verb: str, owner: str, other: str = JULIET) -> Step:
    """An entry of that account, by which the other one is concerned."""
    extra = write_removed(RosterItem(other)) if verb == "roster-removed" else NOTHING
    sender, to = (other, owner) if verb.startswith("in-") else (owner, f"{other}/there")
    raw = f"<presence from='{sender}' to='{to}' type='{verb.removeprefix('in-')}'/>".encode()
    return Step.of(7, PresenceEntry(verb, owner, NOTHING, 1, extra, raw))


def taken(*steps: Step) -> int:
    cut = Cut()
    return next((at for at, one in enumerate(steps) if not cut.takes(one)), len(steps))


@given(st.sampled_from(sorted(VERBS)))
def test_what_changes_a_roster_names_the_item(verb: str) -> None:
    assert step(verb, ROMEO).contact == (JULIET if verb in CHANGING else "")


def test_what_cannot_be_read_names_none() -> None:
    for raw in (b"<presence to='@'/>", b"<not xml", b""):
        assert Step.of(1, PresenceEntry("subscribe", ROMEO, NOTHING, 1, NOTHING, raw)).contact == ""


def test_a_turn_takes_changes_of_many_items_and_what_has_nothing_to_do_with_them() -> None:
    steps = (
        step("available", ROMEO),
        step("subscribe", ROMEO),
        step("subscribe", ROMEO, NURSE),
        step("in-subscribed", JULIET, ROMEO),
        step("available", NURSE),
        step("roster-removed", NURSE, ROMEO),
    )
    assert taken(*steps) == len(steps)


def test_no_item_is_changed_twice() -> None:
    assert taken(step("subscribe", ROMEO), step("subscribe", NURSE), step("in-subscribe", ROMEO)) == 2


def test_what_comes_of_a_changed_roster_waits_for_the_change() -> None:
    assert taken(step("subscribed", ROMEO), step("available", NURSE), step("available", ROMEO)) == 2
    assert taken(step("subscribed", ROMEO), step("in-probe", ROMEO)) == 1


def test_presence_that_is_taken_back_is_not_written_with_other_changes() -> None:
    giving_up = step("in-unsubscribe", ROMEO), step("in-unsubscribe", NURSE)
    assert taken(step("available", ROMEO), *giving_up) == 3
    assert taken(*giving_up, step("subscribe", JULIET, NURSE)) == 2
    assert taken(step("subscribe", JULIET, NURSE), *giving_up) == 1
