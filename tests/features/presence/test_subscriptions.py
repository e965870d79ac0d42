"""Plays of RFC 6121 section 3, and all other plays by a machine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from roost.core.ports import BusUnavailable

ROMEO, JULIET = "romeo@example.net", "juliet@example.com"
ORCHARD, BALCONY = f"{ROMEO}/orchard", f"{JULIET}/balcony"


@pytest.fixture
def verona(world: Any) -> Any:
    """Romeo and Juliet, online and strangers."""
    for full in (ORCHARD, BALCONY):
        world.login(full)
        world.available(full)
    world.settle()
    world.silence()
    return world


def states(world: Any) -> tuple[str, str]:
    """Both rosters' subscriptions: Romeo's to Juliet, Juliet's to Romeo."""
    one, other = world.rosters[ROMEO].get(JULIET), world.rosters[JULIET].get(ROMEO)
    return one.subscription if one else "-", other.subscription if other else "-"


def test_romeo_asks_juliet_grants(verona: Any) -> None:
    verona.say("subscribe", ORCHARD, JULIET)
    verona.settle()
    assert verona.heard(ORCHARD) == [f"push {JULIET} none ask"]
    assert verona.heard(BALCONY) == [f"subscribe {ROMEO}"]  # section 3.1.3: no push for a mere request
    verona.say("subscribed", BALCONY, ROMEO)
    verona.settle()
    # section 3.1.6: the approval, then the push, then presence
    assert verona.heard(ORCHARD) == [f"subscribed {JULIET}", f"push {JULIET} to", f"available {BALCONY}"]
    assert verona.heard(BALCONY) == [f"push {ROMEO} from"]
    assert states(verona) == ("to", "from")


def test_juliet_denies(verona: Any) -> None:
    verona.say("subscribe", ORCHARD, JULIET)
    verona.settle()
    verona.say("unsubscribed", BALCONY, ROMEO)
    verona.settle()
    assert verona.heard(ORCHARD)[-2:] == [f"unsubscribed {JULIET}", f"push {JULIET} none"]
    assert states(verona) == ("none", "-")


def test_a_request_waits_for_its_answer_and_comes_at_each_login(world: Any) -> None:
    world.say("subscribe", ROMEO, JULIET)
    world.settle()
    for _ in range(2):
        world.login(BALCONY)
        world.available(BALCONY)
        world.settle()
        assert f"subscribe {ROMEO}" in world.heard(BALCONY)
        world.end(BALCONY)
    world.say("subscribed", JULIET, ROMEO)
    world.login(BALCONY)
    world.available(BALCONY)
    world.settle()
    assert f"subscribe {ROMEO}" not in world.heard(BALCONY)


def test_asking_again_after_it_was_granted_is_answered_by_the_server(verona: Any) -> None:
    verona.befriend(ROMEO, JULIET, "to")
    verona.rosters[ROMEO].clear()
    verona.say("subscribe", ORCHARD, JULIET)
    verona.settle()
    assert f"subscribe {ROMEO}" not in verona.heard(BALCONY)
    assert states(verona) == ("to", "from")
    assert f"available {BALCONY}" in verona.heard(ORCHARD)


def test_yes_in_advance(verona: Any) -> None:
    verona.say("subscribed", BALCONY, ROMEO)
    verona.settle()
    assert verona.heard(BALCONY) == [f"push {ROMEO} none approved"]
    assert verona.heard(ORCHARD) == []
    verona.say("subscribe", ORCHARD, JULIET)
    verona.settle()
    assert verona.heard(BALCONY) == [f"push {ROMEO} from approved"]  # section 3.4.2: without being asked
    assert states(verona) == ("to", "from")


def test_juliet_takes_it_back(verona: Any) -> None:
    verona.befriend(ROMEO, JULIET)
    verona.say("unsubscribed", BALCONY, ROMEO)
    verona.settle()
    assert verona.heard(ORCHARD) == [
        f"unsubscribed {JULIET}",
        f"push {JULIET} from",
        f"unavailable {BALCONY}",
    ]
    assert states(verona) == ("from", "to")
    verona.available(BALCONY, "<show>away</show>")
    verona.settle()
    assert verona.heard(ORCHARD) == []


def test_romeo_gives_it_up(verona: Any) -> None:
    verona.befriend(ROMEO, JULIET)
    verona.say("unsubscribe", ORCHARD, JULIET)
    verona.settle()
    assert verona.heard(BALCONY) == [f"unsubscribe {ROMEO}", f"push {ROMEO} to"]
    assert verona.heard(ORCHARD) == [f"push {JULIET} from", f"unavailable {BALCONY}"]


def test_who_gives_up_nothing_learns_nothing(verona: Any) -> None:
    verona.say("unsubscribe", ORCHARD, JULIET)
    verona.settle()
    assert verona.heard(ORCHARD) == verona.heard(BALCONY) == []


def test_removing_a_contact_cancels_both_ways(verona: Any) -> None:
    verona.befriend(ROMEO, JULIET)
    verona.remove(ROMEO, JULIET)
    verona.settle()
    assert verona.heard(BALCONY) == [
        f"unsubscribe {ROMEO}",
        f"push {ROMEO} to",
        f"unsubscribed {ROMEO}",
        f"push {ROMEO} none",
        f"unavailable {ORCHARD}",
    ]
    assert verona.heard(ORCHARD) == [f"unavailable {BALCONY}"]
    assert states(verona) == ("-", "none")


def test_the_service_removes_what_a_dying_connection_manager_did_not(verona: Any) -> None:
    verona.befriend(ROMEO, JULIET)
    item = verona.rosters[ROMEO][JULIET]
    verona.remove(ROMEO, JULIET)
    verona.rosters[ROMEO][JULIET] = item
    verona.settle()
    assert verona.heard(ORCHARD)[0] == f"push {JULIET} remove"
    assert states(verona) == ("-", "none")


def test_requests_to_nobody_are_met_with_silence(verona: Any) -> None:
    verona.say("subscribe", ORCHARD, "nobody@example.com")
    verona.say("subscribe", ORCHARD, "benvolio@elsewhere.example")
    verona.say("subscribe", ORCHARD, ROMEO)
    verona.settle()
    assert [one.split()[0] for one in verona.heard(ORCHARD)] == ["push", "push"]
    assert sorted(verona.dropped) == ["elsewhere", "no-account"]


class Verona(RuleBasedStateMachine):
    """Two accounts do whatever they like; when all is handled both sides agree, and so do the clients.

    Each answers to what it sees: stanzas that cross on their way (asked again while a denial is under way)
    can leave two servers with different beliefs, which RFC 6121 section 3.1.2 heals by asking again.
    """

    people = st.sampled_from((ROMEO, JULIET))

    @initialize()
    def begin(self) -> None:
        import importlib.util
        from pathlib import Path

        spec = importlib.util.spec_from_file_location("world", Path(__file__).with_name("conftest.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        self.world = module.World()
        self.seen: dict[str, set[str]] = {}
        self.requests: dict[str, set[str]] = {}

    def other(self, who: str) -> str:
        return JULIET if who == ROMEO else ROMEO

    def full(self, who: str, resource: int) -> str:
        return f"{who}/{resource}"

    def online(self, full: str) -> bool:
        bare, _, resource = full.partition("/")
        return resource in self.world.records[bare]

    @rule(who=people, type=st.sampled_from(("subscribe", "subscribed", "unsubscribe", "unsubscribed")))
    def say(self, who: str, type: str) -> None:
        self.world.settle()
        self.world.say(type, who, self.other(who))

    @rule(who=people)
    def remove(self, who: str) -> None:
        self.world.settle()
        item = self.world.rosters[who].get(self.other(who))
        if item is not None and item.listed:
            self.world.remove(who, self.other(who))

    @rule(who=people, resource=st.integers(1, 2))
    def come(self, who: str, resource: int) -> None:
        full = self.full(who, resource)
        if not self.online(full):
            self.seen[self.world.login(full)] = set()
            self.world.available(full)

    @rule(who=people, resource=st.integers(1, 2), how=st.sampled_from(("end", "unavailable", "available")))
    def change(self, who: str, resource: int, how: str) -> None:
        full = self.full(who, resource)
        if self.online(full) and (how != "unavailable" or self.world.record(full).priority is not None):
            getattr(self.world, how)(full)

    @rule(batch=st.integers(1, 4))
    def settle(self, batch: int) -> None:
        self.world.settle(batch)

    @rule()
    def die(self) -> None:
        """The process dies while it sends; another takes over."""
        if self.world.handled < len(self.world.log):
            self.world.broken_flushes = 1
            try:
                self.world.settle()
            except BusUnavailable:
                self.world.shard = self.world.start()
            self.world.broken_flushes = 0

    @invariant()
    def agreed(self) -> None:
        if self.world.handled < len(self.world.log):
            return
        rosters = self.world.rosters
        for who in (ROMEO, JULIET):
            mine, theirs = rosters[who].get(self.other(who)), rosters[self.other(who)].get(who)
            wants = mine is not None and mine.subscription in {"to", "both"}
            gives = theirs is not None and theirs.subscription in {"from", "both"}
            assert wants == gives, (mine, theirs)
            assert (mine is not None and mine.ask) == (theirs is not None and theirs.pending_in), (
                mine,
                theirs,
            )
            self.shown(who, wants)

    def shown(self, who: str, wants: bool) -> None:
        """Each available session sees those who are there, and nobody else."""
        there = {
            f"{bare}/{record.resource}"
            for bare in ((who, self.other(who)) if wants else (who,))
            for record in self.world.records[bare].values()
            if record.priority is not None
        }
        for record in self.world.records[who].values():
            seen = self.seen[record.sid]
            for said in self.world.heard_by(record.sid):
                kind, _, full = said.partition(" ")
                if kind == "available":
                    seen.add(full)
                elif kind == "unavailable":
                    seen.discard(full.partition(" ")[0])
            if record.priority is None:
                seen.clear()
            else:
                assert seen == there, (who, seen, there)


Verona.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestVerona = Verona.TestCase
