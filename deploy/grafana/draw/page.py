"""A dashboard on one page: where each panel lies, and what is around it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from deploy.grafana.draw.source import View
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from deploy.grafana.draw import graphs, heats, stats, style

Draw = Callable[[Axes, dict[str, Any], View], None]

_KINDS: dict[str, Draw] = {"stat": stats.draw, "timeseries": graphs.draw, "heatmap": heats.draw}
_HEAD = 46  # pixels above the panels
_MARGINS: dict[str, tuple[int, int, int, int]] = {
    "stat": (8, 24, 8, 4),
    "timeseries": (58, 34, 14, 60),
    "heatmap": (58, 34, 14, 32),
}
"""Pixels between a panel's edge and its axes: left, top, right, bottom."""
_COLUMNS = 24
_COLOURS = 128  # of the picture's palette; more cannot be told apart


class Page:
    """The picture of one dashboard."""

    def __init__(self, dashboard: dict[str, Any], view: View) -> None:
        """Asks for everything and draws it."""
        self._view = view
        rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
        self._width = _COLUMNS * style.PIXELS_OF_A_COLUMN + style.GAP
        self._height = rows * style.PIXELS_OF_A_ROW + style.GAP + _HEAD
        size = (self._width / style.DOTS_PER_INCH, self._height / style.DOTS_PER_INCH)
        self._figure = Figure(figsize=size, dpi=style.DOTS_PER_INCH, facecolor=style.PAGE)
        FigureCanvasAgg(self._figure)
        self._title(dashboard["title"])
        for panel in dashboard["panels"]:
            self._panel(panel)

    def save(self, file: Path) -> None:
        """Write it as a PNG of few colours, which is small."""
        self._figure.savefig(file)
        with Image.open(file) as picture:
            picture.convert("RGB").quantize(_COLOURS).save(file, optimize=True)

    def _title(self, title: str) -> None:
        start, end = (datetime.fromtimestamp(time) for time in (self._view.start, self._view.end))
        middle = 1 - _HEAD / 2 / self._height
        self._figure.text(16 / self._width, middle, title, color=style.TEXT, fontsize=14, va="center")
        self._figure.text(
            1 - 16 / self._width,
            middle,
            f"{start:%Y-%m-%d  %H:%M} to {end:%H:%M}",
            color=style.FAINT,
            fontsize=9,
            va="center",
            ha="right",
        )

    def _panel(self, panel: dict[str, Any]) -> None:
        place = panel["gridPos"]
        left = place["x"] * style.PIXELS_OF_A_COLUMN + style.GAP
        top = place["y"] * style.PIXELS_OF_A_ROW + _HEAD
        width = place["w"] * style.PIXELS_OF_A_COLUMN - style.GAP
        height = place["h"] * style.PIXELS_OF_A_ROW - style.GAP
        self._box(left, top, width, height)
        self._figure.text(
            (left + 10) / self._width,
            1 - (top + 19) / self._height,
            panel["title"],
            color=style.TEXT,
            fontsize=9,
        )
        west, north, east, south = _MARGINS[panel["type"]]
        bounds = (left + west, top + north, width - west - east, height - north - south)
        _KINDS[panel["type"]](self._axes(*bounds), panel, self._view)

    def _box(self, left: int, top: int, width: int, height: int) -> None:
        box = FancyBboxPatch(
            (left, self._height - top - height),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=4",
            facecolor=style.PANEL,
            edgecolor=style.EDGE,
            linewidth=0.8,
            transform=None,
            zorder=-1,  # below what the panel shows
        )
        self._figure.add_artist(box)

    def _axes(self, left: int, top: int, width: int, height: int) -> Axes:
        w, h = self._width, self._height
        return self._figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))
