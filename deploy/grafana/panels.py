"""The few kinds of panels that the dashboards are made of, so that all of them look and read alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from deploy.grafana.promql import query
from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import heatmap as heat_kinds
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DynamicConfigValue,
    FieldColorModeId,
    Panel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

GREEN, YELLOW, ORANGE, RED, BLUE, PURPLE, GREY = "green", "yellow", "orange", "red", "blue", "purple", "text"
QUANTILES = {"p50": GREEN, "p95": ORANGE, "p99": RED}
OUTCOMES = {
    "success": GREEN,
    "delivered": GREEN,
    "stored": BLUE,
    "absent": BLUE,
    "aborted": GREY,
    "unknown": GREY,
    "dropped": YELLOW,
    "conflict": YELLOW,
    "temporary-auth-failure": YELLOW,
    "refused": PURPLE,
    "not-acceptable": PURPLE,
    "full": ORANGE,
    "not-authorized": ORANGE,
    "resource-constraint": ORANGE,
    "failed": RED,
    "unavailable": RED,
}
"""The colours of what became of something: green is well, red is a fault of ours."""
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

_WIDTH = 24
_STAT_HEIGHT = 4
_GRAPH_HEIGHT = 8

Line = tuple[str, str]
"""A query and what its lines are called."""

Steps = Sequence[tuple[float, str]]
"""From which value on which colour."""

AWAY: Steps = ((0, RED), (1, GREEN))
"""The colours of a gauge that is 1 while all is well."""


def state(
    title: str, description: str, expression: str, *, zero: str, one: str, width: int = 3
) -> Builder[Panel]:
    """A gauge that is 1 or 0, in words."""
    words = {"0": ValueMappingResult(text=zero, color=RED), "1": ValueMappingResult(text=one, color=GREEN)}
    mappings: list[ValueMapping] = [ValueMap(options=words)]
    return _stat(title, description, expression, width).mappings(mappings).thresholds(_thresholds(AWAY))


def number(
    title: str,
    description: str,
    expression: str,
    *,
    unit: str = "short",
    steps: Steps = (),
    decimals: int | None = None,
    width: int = 3,
) -> Builder[Panel]:
    """One number as it is now, coloured by `steps`; without them it is neither good nor bad."""
    panel = _stat(title, description, expression, width).unit(unit)
    panel.thresholds(_thresholds(steps, below=GREEN if steps else BLUE))
    return panel if decimals is None else panel.decimals(decimals)


def graph(
    title: str,
    description: str,
    *lines: Line,
    unit: str = "short",
    stacked: bool = False,
    limit: float | None = None,
    highest: float | None = None,
    colours: Mapping[str, str] | None = None,
    width: int = 8,
    height: int = _GRAPH_HEIGHT,
) -> Builder[Panel]:
    """Lines over time; a dashed one at `limit`, where somebody should look (it is an alert's threshold)."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(height)
        .unit(unit)
        .min(0)
        .line_width(1)
        .fill_opacity(30 if stacked else 5)
        .show_points(kinds.VisibilityMode.NEVER)
        .legend(_legend())
        .tooltip(_tooltip())
        .color_scheme(FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    )
    for letter, (expression, called) in zip(ascii_uppercase, lines, strict=False):
        panel.with_target(_target(expression).legend_format(called).ref_id(letter).range())
    if stacked:
        panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL).group("A"))
    if highest is not None:
        panel.max(highest)
    if limit is not None:
        _mark(panel, limit)
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})])
    return panel


def heat(title: str, description: str, histogram: str, *, unit: str = "s", width: int = 8) -> Builder[Panel]:
    """How many fell into each bucket of a histogram, over time."""
    expression = f"sum by (le) (increase({histogram}_bucket{{WHERE}}[RATE]))"
    target = _target(expression).legend_format("{{le}}").ref_id("A").range().format(PromQueryFormat.HEATMAP)
    colours = heatmap.HeatmapColorOptions().mode(heat_kinds.HeatmapColorMode.SCHEME).scheme("Oranges")
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(_GRAPH_HEIGHT)
        .with_target(target)
        .calculate(calculate=False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .cell_gap(1)
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .color(colours.steps(64).exponent(0.5))
        .show_legend()
    )


def _mark(panel: timeseries.Panel, limit: float) -> None:
    """Draw a dashed line at `limit`."""
    dashed = common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
    panel.thresholds(_thresholds([(limit, RED)], below="transparent")).thresholds_style(dashed)


def _stat(title: str, description: str, expression: str, width: int) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(_STAT_HEIGHT)
        .with_target(_target(expression).ref_id("A").instant())
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(kinds.BigValueColorMode.VALUE)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .no_value("-")
    )


def _target(expression: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(SOURCE).expr(query(expression))


def _thresholds(steps: Steps, below: str = GREEN) -> ThresholdsConfig:
    # Grafana asks for a first step without a value: everything below the second
    first = [] if steps and steps[0][0] == 0 else [Threshold(None, below)]
    rest = [Threshold(value if first or at else None, colour) for at, (value, colour) in enumerate(steps)]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps([*first, *rest])


def _legend() -> Any:
    legend = common.VizLegendOptions().show_legend(show_legend=True)
    return legend.display_mode(kinds.LegendDisplayMode.LIST).placement(kinds.LegendPlacement.BOTTOM)


def _tooltip() -> Any:
    return common.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING)
