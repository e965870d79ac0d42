"""Colours and sizes: close to Grafana's dark theme."""

from __future__ import annotations

from typing import Any

PAGE = "#111217"
PANEL = "#181b1f"
EDGE = "#25282e"
GRID = "#2b2e35"
TEXT = "#d5d6e0"
FAINT = "#8e919c"

PIXELS_OF_A_COLUMN = 66
PIXELS_OF_A_ROW = 32
GAP = 8
DOTS_PER_INCH = 100

_NAMED = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "blue": "#6e9fff",
    "purple": "#b877d9",
    "text": FAINT,
    "transparent": "none",
}
_CLASSIC = (
    "#73bf69",
    "#f2cc0c",
    "#8ab8ff",
    "#ff780a",
    "#f2495c",
    "#5794f2",
    "#b877d9",
    "#c4a46b",
    "#37872d",
    "#fade2a",
    "#447ebc",
    "#c15c17",
    "#890f02",
    "#0a437c",
    "#6d1f62",
    "#584477",
)


def named(colour: str) -> str:
    """Grafana's colour of that name."""
    return _NAMED[colour]


def classic(number: int) -> str:
    """The colour of the so-manieth series of a panel."""
    return _CLASSIC[number % len(_CLASSIC)]


def threshold(steps: list[dict[str, Any]], value: float) -> str:
    """The colour of a value by a panel's thresholds."""
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return named(reached[-1]["color"])
