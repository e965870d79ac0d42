"""Panels that show how many fell into each bucket of a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from deploy.grafana.draw.source import Series, View
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm

from deploy.grafana.draw import graphs, style, units

_COLOURS = LinearSegmentedColormap.from_list("heat", ["#3a2a1a", "#a6561e", "#ff9830", "#ffe0a8"])


def draw(axes: Axes, panel: dict[str, Any], view: View) -> None:
    """A column for each time and a row for each bucket that was ever met."""
    unit = panel["options"]["yAxis"]["unit"]
    graphs.frame(axes, view, unit)
    series = view.over_time(panel["targets"][0]["expr"])
    edges = sorted({float(one.labels["le"]) for one in series})
    if not edges:
        return
    times = series[0].times
    counts = _counts(series, edges)
    met = np.flatnonzero(counts.sum(axis=1))
    low, high = (int(met[0]), int(met[-1]) + 1) if len(met) else (0, 1)
    shown = np.ma.masked_less(counts[low:high], 1e-9)
    edge = times[-1] + (times[1] - times[0] if len(times) > 1 else 1)
    axes.pcolormesh([*times, edge], np.arange(high - low + 1), shown, cmap=_COLOURS, norm=PowerNorm(0.5))
    _buckets(axes, [units.text(edge, unit) if np.isfinite(edge) else "more" for edge in edges[low:high]])


def _counts(series: Sequence[Series], edges: Sequence[float]) -> Any:
    """How many are in each bucket alone: Prometheus counts those below it too."""
    below = {float(one.labels["le"]): np.nan_to_num(one.values) for one in series}
    return np.clip(np.diff([below[edge] for edge in edges], axis=0, prepend=0), 0, None)


def _buckets(axes: Axes, names: list[str]) -> None:
    """The upper edge of each row beside it; some of them, where there are many."""
    some = max(1, len(names) // 7 + 1)
    axes.set_yticks(np.arange(1, len(names) + 1)[::some], names[::some])
    axes.grid(visible=False)
    axes.set_ylim(0, len(names))
    axes.tick_params(colors=style.FAINT)
