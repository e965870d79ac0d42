"""A run as a picture: latency over time above, what caused it below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from loadtest.delivery.ledger import MESSAGE, PRESENCE
from loadtest.report.timeline import WINDOW_SECONDS, Moment, read
from loadtest.users.device import LOGIN, RECONNECT

_SUBJECTS = (MESSAGE, PRESENCE, RECONNECT, LOGIN)
"""What the picture is about: the first of these that there was."""
_SHADES = {"p99": "#d1495b", "p95": "#edae49", "p50": "#00798c"}
_RATES = {MESSAGE: "#00798c", PRESENCE: "#7a5195", LOGIN: "#edae49", RECONNECT: "#d1495b"}
_GREY = "#555555"


def draw(timeline: Path, path: Path, title: str) -> None:
    """Draw the moments of a file, as PNG."""
    moments = read(timeline)
    names = {moment.name for moment in moments}
    figure = Figure(figsize=(9, 5.6), dpi=120, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    subject = next((name for name in _SUBJECTS if name in names), None)
    figure.suptitle(title, fontsize=12, fontweight="bold", x=0.01, ha="left")
    _draw_latency(above, [moment for moment in moments if moment.name == subject], subject or "nothing")
    _draw_rates(below, moments)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _draw_latency(axes: Any, moments: Sequence[Moment], subject: str) -> None:
    for name, colour in _SHADES.items():
        points = [
            (moment.second, value) for moment in moments if (value := getattr(moment, name)) is not None
        ]
        if points:
            label = f"{name[1:]} % within"
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6, label=label)
    axes.set_title(
        f"{subject.capitalize()}: latency, each point the {WINDOW_SECONDS} s before it",
        fontsize=10,
        loc="left",
        color=_GREY,
    )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(_milliseconds))
    axes.yaxis.set_minor_locator(NullLocator())
    _tidy(axes)


def _draw_rates(axes: Any, moments: Sequence[Moment]) -> None:
    for name, colour in _RATES.items():
        points = [(moment.second, moment.rate) for moment in moments if moment.name == name]
        if points:
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.6, label=name)
    users = {moment.second: moment.users for moment in moments}
    axes.fill_between(list(users), list(users.values()), color="#dddddd", linewidth=0, label="users")
    axes.set_title("A second, and how many users there were", fontsize=10, loc="left", color=_GREY)
    axes.set_xlabel("seconds", color=_GREY)
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    _tidy(axes)


def _tidy(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.tick_params(colors=_GREY)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)


def _milliseconds(value: float, _: object) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
