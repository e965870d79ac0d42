"""What all dashboards have in common: variables, links to each other, and when processes were started."""

from __future__ import annotations

from collections.abc import Sequence

from deploy.grafana.panels import BLUE, SOURCE
from deploy.grafana.promql import query
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.builders.dashboard import (
    AnnotationQuery,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.builders.dashboard import Dashboard as Builder
from grafana_foundation_sdk.cog.builder import Builder as PanelBuilder
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

_TAG = "roost"
_EVERYTHING = ".*"
_STARTS = (
    "(time() - process_start_time_seconds{WHERE} < 60) and on (namespace, job, instance) roost_build_info"
)


def board(name: str, description: str, panels: Sequence[PanelBuilder[Panel]]) -> Dashboard:
    """The dashboard `Roost / name` with these panels, from left to right and top to bottom."""
    made = (
        Builder(f"Roost / {name}")
        .uid(f"roost-{name.lower()}")
        .description(description)
        .tags([_TAG])
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .link(_link())
        .annotation(_starts())
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_variable("namespace", "Namespace", ""))
        .with_variable(_variable("job", "Job", 'namespace=~"$namespace"'))
        .with_variable(_variable("instance", "Process", 'namespace=~"$namespace", job=~"$job"'))
    )
    for panel in panels:
        made.with_panel(panel)
    built = made.build()
    for id, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = id
    return built


def _link() -> DashboardLink:
    link = DashboardLink("Roost").type(DashboardLinkType.DASHBOARDS).tags([_TAG])
    return link.as_dropdown(as_dropdown=False).include_vars(include_vars=True).keep_time(keep_time=True)


def _variable(name: str, label: str, matchers: str) -> QueryVariable:
    """A variable with all values of a label of our processes; all of them are chosen at first."""
    values = f"label_values(roost_build_info{{{matchers}}}, {name})"
    return (
        QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": values, "refId": name})
        .definition(values)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(_EVERYTHING)
        .current(VariableOption(selected=True, text="All", value="$__all"))
    )


def _starts() -> AnnotationQuery:
    started = (
        prometheus.Dataquery().expr(query(_STARTS)).ref_id("Starts").range().legend_format("{{instance}}")
    )
    return (
        AnnotationQuery()
        .name("Starts")
        .datasource(SOURCE)
        .enable(enable=True)
        .icon_color(BLUE)
        .expr(query(_STARTS))
        .title_format("{{instance}} was started")
        .step("60s")
        .target(started)
    )
