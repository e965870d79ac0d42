"""RFC 6121 section 8.5, a test for each row of its table, and the plan beside the choice."""

from __future__ import annotations

import re

import pytest

from roost.core.delivery import Absent, choose, plan
from roost.core.ports import Choice, SessionRecord


def session(resource, priority, *, interested=False, ended=False):
    return SessionRecord(resource, f"sid-{resource}", "pod", 1, priority, interested, ended)


BALCONY, CHAMBER = session("balcony", 1), session("chamber", 1)
GARDEN, NEGATIVE, SILENT = session("garden", 0), session("orchard", -1), session("tomb", None)
NOBODY = ()
EVERYBODY = (BALCONY, CHAMBER, GARDEN, NEGATIVE, SILENT)

# Table 1: condition -> (records, to a full JID's resource or None)
CONDITIONS = {
    "bare, no active resources": (NOBODY, None),
    "bare, one negative resource": ((NEGATIVE,), None),
    "bare, one non-negative resource": ((GARDEN,), None),
    "bare, several": (EVERYBODY, None),
    "full, no match": (EVERYBODY, "attic"),
    "full, no match and no active resources": (NOBODY, "attic"),
    "full, no match and one negative resource": ((NEGATIVE,), "attic"),
    "full, match": (EVERYBODY, "orchard"),
}
MOST = {"sid-balcony", "sid-chamber"}
ALL = {"sid-balcony", "sid-chamber", "sid-garden"}
MATCH = {"sid-orchard"}
STORE, ERROR, IGNORE = Absent.STORE, Absent.ERROR, Absent.IGNORE

ONE = {"sid-garden"}
KEPT = {"normal": STORE, "chat": STORE, "groupchat": ERROR, "headline": IGNORE, "error": IGNORE}

ROWS = {
    "bare, no active resources": KEPT,
    "bare, one negative resource": KEPT,
    "bare, one non-negative resource": {
        "normal": ONE, "chat": ONE, "groupchat": ERROR, "headline": ONE, "error": IGNORE,
    },
    "bare, several": {"normal": MOST, "chat": MOST, "groupchat": ERROR, "headline": ALL, "error": IGNORE},
    "full, no match": KEPT | {"normal": ERROR, "chat": MOST},
    "full, no match and no active resources": KEPT | {"normal": ERROR},
    "full, no match and one negative resource": KEPT | {"normal": ERROR},
    "full, match": {"normal": MATCH, "chat": MATCH, "groupchat": MATCH, "headline": MATCH, "error": MATCH},
}  # fmt: skip


def outcome(kind, type_, condition):
    records, resource = CONDITIONS[condition]
    found = plan(kind, type_, resource is not None)
    return choose(found.choices, records, resource or "") or found.absent


@pytest.mark.parametrize(
    ("condition", "type_", "expected"),
    [(condition, type_, expected) for condition, row in ROWS.items() for type_, expected in row.items()],
)
def test_message(condition, type_, expected):
    assert outcome("message", type_, condition) == expected


# Section 8.5.4, table 1 as it stands there. S: ignored, E: an error, O: kept, D: to the one resource, M: to
# the most available, A: to all that are not negative.
TABLE_1 = """
account does not exist          bare           S/E  S/E  E    S
account does not exist          full           S/E  S/E  S/E  S/E
no active resources             bare           O/E  O/E  E    S
no active resources             full no match  S/E  O/E  S/E  S/E
negative resources alone        bare           O/E  O/E  E    S
negative resources alone        full match     D    D    D    D
negative resources alone        full no match  S/E  O/E  S/E  S/E
one resource that is not        bare           D    D    E    D
one resource that is not        full match     D    D    D    D
one resource that is not        full no match  S/E  D    S/E  S/E
several that are not            bare           M/A  M/A  E    A
several that are not            full match     D    D/A  D    D
several that are not            full no match  S/E  M/A  S/E  S/E
"""
PEOPLE = {
    "account does not exist": NOBODY,
    "no active resources": NOBODY,
    "negative resources alone": (NEGATIVE, session("cellar", -128)),
    "one resource that is not": (GARDEN,),
    "several that are not": (BALCONY, CHAMBER, GARDEN),
}
LETTERS = {IGNORE: "S", ERROR: "E", STORE: "O"}


def table_1():
    for line in TABLE_1.strip().splitlines():
        condition, address, *cells = re.split(" {2,}", line)
        for type_, allowed in zip(("normal", "chat", "groupchat", "headline"), cells, strict=True):
            yield condition, address, type_, allowed


def letter(condition, address, type_):
    records = PEOPLE[condition]
    resource = {"bare": "", "full match": records[0].resource if records else ""}.get(address, "attic")
    found = plan("message", type_, address != "bare")
    got = choose(found.choices, records, resource)
    if not got:
        # the store knows no such account, and the sender hears the same as of a full one
        return (
            "E" if condition == "account does not exist" and found.absent is STORE else LETTERS[found.absent]
        )
    able = [record for record in records if record.priority is not None and record.priority >= 0]
    if len(got) == 1:
        return "D"
    return "A" if got == {record.sid for record in able} else "M"


@pytest.mark.parametrize(("condition", "address", "type_", "allowed"), list(table_1()))
def test_table_1(condition, address, type_, allowed):
    assert letter(condition, address, type_) in allowed.split("/")


@pytest.mark.parametrize("condition", ROWS)
def test_a_message_without_a_type_is_normal(condition):
    assert outcome("message", None, condition) == ROWS[condition]["normal"]


@pytest.mark.parametrize(
    ("type_", "condition", "expected"),
    [
        ("get", "full, match", MATCH),
        ("set", "full, match", MATCH),
        ("result", "full, match", MATCH),
        ("error", "full, match", MATCH),
        ("get", "full, no match", ERROR),
        ("set", "full, no match", ERROR),
        ("result", "full, no match", IGNORE),
        ("error", "full, no match", IGNORE),
    ],
)
def test_iq(type_, condition, expected):
    assert outcome("iq", type_, condition) == expected


@pytest.mark.parametrize("type_", [None, "unavailable"])
def test_presence(type_):
    assert outcome("presence", type_, "bare, several") == {*ALL, "sid-orchard"}
    assert outcome("presence", type_, "full, match") == MATCH
    assert outcome("presence", type_, "full, no match") is IGNORE
    assert outcome("presence", type_, "bare, no active resources") is IGNORE


def test_a_connected_resource_gets_what_names_it_without_being_available():
    assert choose(Choice.RESOURCE.value, EVERYBODY, "tomb") == {"sid-tomb"}


def test_an_ended_session_gets_nothing():
    gone = [session(record.resource, record.priority, interested=True, ended=True) for record in EVERYBODY]
    assert all(choose(choice.value, gone, "balcony") == set() for choice in Choice)


def test_roster_pushes_go_to_those_who_asked_for_the_roster():
    asked = session("attic", None, interested=True)
    assert choose(Choice.INTERESTED.value, (*EVERYBODY, asked), "") == {"sid-attic"}
