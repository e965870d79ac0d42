"""Statements have names, for the metrics."""

from __future__ import annotations

import re

import pytest

from roost.store import accounts, migrate, offline, pool, rosters
from roost.store.statement import Statement

ALL = [
    one
    for module in (accounts, migrate, offline, pool, rosters)
    for one in vars(module).values()
    if isinstance(one, Statement)
]


@pytest.mark.parametrize("statement", ALL, ids=lambda one: one.name)
def test_a_name_is_short_and_looks_like_the_values_of_other_labels(statement):
    assert re.fullmatch(r"[a-z]+(-[a-z]+){0,2}", statement.name)
    assert re.match(r"\s*(SELECT|INSERT|DELETE|WITH) ", statement.sql)


def test_no_two_have_the_same_name():
    assert len({one.name for one in ALL}) == len(ALL) > 10
