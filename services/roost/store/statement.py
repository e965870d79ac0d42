"""A statement with a name, so that what it costs can be told."""

from __future__ import annotations

from typing import NamedTuple


class Statement(NamedTuple):
    """SQL as `Pool` takes it."""

    name: str
    """Short, and the same for all its executions: what it does, in a word or two."""
    sql: str
