"""Namespaces: each has one name."""

from __future__ import annotations

from roost.protocol import namespaces


def test_no_two_names_for_one_namespace():
    values = [value for name, value in vars(namespaces).items() if name.isupper()]
    assert len(values) == len(set(values))
