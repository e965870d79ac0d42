"""Panels that show one number."""

from __future__ import annotations

from typing import Any

from deploy.grafana.draw.source import View
from matplotlib.axes import Axes

from deploy.grafana.draw import style, units

_SIZE = 21


def draw(axes: Axes, panel: dict[str, Any], view: View) -> None:
    """The number as it is at the end of the span, in its colour."""
    axes.axis("off")
    words, colour = _said(panel, view)
    axes.text(0.5, 0.4, words, ha="center", va="center", fontsize=_SIZE, color=colour)


def _said(panel: dict[str, Any], view: View) -> tuple[str, str]:
    defaults = panel["fieldConfig"]["defaults"]
    found = view.now(panel["targets"][0]["expr"])
    if not found:
        return defaults["noValue"], style.FAINT
    value = found[0].values[-1]
    colour = style.threshold(defaults["thresholds"]["steps"], value)
    for mapping in defaults.get("mappings", []):
        if (known := mapping["options"].get(f"{value:g}")) is not None:
            return known["text"], colour
    return units.text(value, defaults.get("unit", "short"), defaults.get("decimals")), colour
