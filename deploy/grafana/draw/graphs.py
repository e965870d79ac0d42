"""Panels that show lines over time."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from deploy.grafana.draw.source import Series, View
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from deploy.grafana.draw import style, units

_SMALL = 7.5
_ROOM = 1.12  # of the highest value, so that no line touches the edge
_WIDTH_OF_A_LETTER = 0.56  # of its height, in the mean
_LEGEND_ROWS = 2
_LEGEND_BELOW = -26  # pixels from the axes
_LEGEND_ROW = 15  # pixels
_MARK = 18  # pixels, of the coloured dash before a name
_TICK_SECONDS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
_MOST_TICKS = 6


@dataclass(frozen=True)
class Line:
    """A series with its name and colour."""

    name: str
    colour: str
    times: Sequence[float]
    values: Any


def draw(axes: Axes, panel: dict[str, Any], view: View) -> None:
    """All lines, stacked where the panel says so, with the threshold and a legend."""
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    lines = _lines(panel, view)
    frame(axes, view, defaults.get("unit", "short"))
    if custom.get("stacking", {}).get("mode") == "normal":
        top = _stacked(axes, lines)
    else:
        top = _plain(axes, lines, custom["fillOpacity"] / 100)
    axes.set_ylim(0, defaults.get("max") or (top * _ROOM or 1))
    if defaults.get("unit") == "bytes" and top:
        axes.yaxis.set_major_locator(MultipleLocator(2 ** math.ceil(math.log2(top / 5))))
    _threshold(axes, defaults)
    _legend(axes, lines)


def frame(axes: Axes, view: View, unit: str) -> None:
    """Axes, grid and the numbers beside them."""
    axes.set_facecolor(style.PANEL)
    axes.set_xlim(view.start, view.end)
    axes.grid(visible=True, color=style.GRID, linewidth=0.6)
    axes.tick_params(colors=style.FAINT, labelsize=_SMALL, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    between = next((step for step in _TICK_SECONDS if step * _MOST_TICKS >= view.end - view.start), 86400)
    clock = "%H:%M" if between >= 60 else "%H:%M:%S"
    axes.xaxis.set_major_locator(MultipleLocator(between))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{datetime.fromtimestamp(x):{clock}}"))
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: units.text(value, unit)))


def _lines(panel: dict[str, Any], view: View) -> list[Line]:
    colours = {one["matcher"]["options"]: one["properties"][0] for one in panel["fieldConfig"]["overrides"]}
    lines: list[Line] = []
    for target in panel["targets"]:
        for series in view.over_time(target["expr"]):
            name = _name(target["legendFormat"], series)
            fixed = colours.get(name)
            colour = style.named(fixed["value"]["fixedColor"]) if fixed else style.classic(len(lines))
            lines.append(Line(name, colour, series.times, np.array(series.values)))
    return lines


def _name(template: str, series: Series) -> str:
    return re.sub(r"\{\{(\w+)\}\}", lambda found: series.labels.get(found[1], ""), template).strip()


def _plain(axes: Axes, lines: Sequence[Line], opacity: float) -> float:
    for line in lines:
        axes.plot(line.times, line.values, color=line.colour, linewidth=1.2)
        axes.fill_between(line.times, line.values, color=line.colour, alpha=opacity, linewidth=0)
    return max((float(np.nanmax(line.values)) for line in lines), default=0)


def _stacked(axes: Axes, lines: Sequence[Line]) -> float:
    if not lines:
        return 0
    below = np.zeros(len(lines[0].times))
    for line in lines:
        above = below + np.nan_to_num(line.values)
        axes.fill_between(line.times, below, above, color=line.colour, alpha=0.35, linewidth=0)
        axes.plot(line.times, above, color=line.colour, linewidth=1.2)
        below = above
    return float(below.max())


def _threshold(axes: Axes, defaults: dict[str, Any]) -> None:
    """The dashed line; like Grafana's it does not stretch the axis, and is seen when the values come near."""
    if defaults["custom"].get("thresholdsStyle", {}).get("mode") == "dashed":
        limit = float(defaults["thresholds"]["steps"][-1]["value"])
        axes.axhline(limit, color=style.named("red"), linewidth=1, linestyle=(0, (6, 4)), alpha=0.8)


def _legend(axes: Axes, lines: Sequence[Line]) -> None:
    """The names below the axes, in as many rows as there is room for."""
    room = axes.get_window_extent().width
    x, row = 0.0, 0
    for number, line in enumerate(lines):
        width = _width(line.name)
        last = row == _LEGEND_ROWS - 1 and number < len(lines) - 1
        if x and x + width + (_width("and 99 more") if last else 0) > room:
            if last:
                return _word(axes, x, row, f"and {len(lines) - number} more", style.FAINT)
            x, row = 0.0, row + 1
        _mark(axes, x, row, line.colour)
        _word(axes, x + _MARK, row, line.name, style.TEXT)
        x += width
    return None


def _width(name: str) -> float:
    """Pixels for a name with its mark and the space behind it."""
    return _MARK + len(name) * _SMALL * style.DOTS_PER_INCH / 72 * _WIDTH_OF_A_LETTER + 12


def _mark(axes: Axes, x: float, row: int, colour: str) -> None:
    y = _LEGEND_BELOW - row * _LEGEND_ROW
    look = {"arrowstyle": "-", "color": colour, "linewidth": 2.5}
    axes.annotate(
        "",
        (x + 14, y),
        (x, y),
        xycoords="axes pixels",
        textcoords="axes pixels",
        arrowprops=look,
        annotation_clip=False,
    )


def _word(axes: Axes, x: float, row: int, word: str, colour: str) -> None:
    place = (x, _LEGEND_BELOW - row * _LEGEND_ROW)
    axes.annotate(word, place, xycoords="axes pixels", va="center", fontsize=_SMALL, color=colour)
