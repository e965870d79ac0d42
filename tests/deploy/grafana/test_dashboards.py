"""The dashboards are what Grafana understands, made by their source, and all of one kind."""

from __future__ import annotations

import copy
import itertools
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from deploy.grafana.__main__ import FOLDER, files
from grafana_foundation_sdk.models import units

sys.path.insert(0, str(Path(__file__).parent))

from schema import mistakes

DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
]
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
PROVISIONING = Path(__file__).parents[3] / "deploy/grafana/provisioning"


def test_the_files_are_what_their_source_makes():
    written = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert written == files(), "run: python -m deploy.grafana"


def test_there_is_one_for_each_part():
    assert set(DASHBOARDS) == {"overview", "connections", "delivery", "presence", "storage", "engine"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_understands_it(name: str):
    assert mistakes(DASHBOARDS[name]) == []


def _at(panel: int, *path: str) -> Callable[[dict[str, Any]], Any]:
    def found(dashboard: dict[str, Any]) -> Any:
        place = dashboard["panels"][panel]
        for key in path:
            place = place[key]
        return place

    return found


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        pytest.param(lambda dashboard: dashboard, "refreshes", "30s", id="a field of the dashboard"),
        pytest.param(_at(0), "titel", "Sessions", id="a field of a panel"),
        pytest.param(_at(0, "options"), "colourMode", "value", id="a field of a panel's options"),
        pytest.param(_at(0, "options"), "colorMode", "valeu", id="a word among the options"),
        pytest.param(_at(9, "fieldConfig", "defaults"), "units", "s", id="a field of the fields' settings"),
        pytest.param(_at(9, "fieldConfig", "defaults"), "decimals", "two", id="a text for a number"),
        pytest.param(_at(9, "fieldConfig", "defaults", "custom"), "lineWide", 1, id="a field of a graph"),
        pytest.param(_at(9, "fieldConfig", "defaults", "custom"), "lineWidth", "1", id="a graph's number"),
        pytest.param(_at(9, "fieldConfig", "defaults", "custom"), "showPoints", "no", id="a graph's word"),
        pytest.param(_at(9), "gridPos", {"h": 4, "w": 4, "x": 0, "top": 0}, id="a place on the grid"),
        pytest.param(lambda one: one["panels"][9]["targets"][0], "expression", "up", id="a field of a query"),
        pytest.param(lambda one: one["templating"]["list"][1], "refresh", 7, id="a variable's refreshing"),
        pytest.param(lambda one: one["annotations"]["list"][0], "color", "blue", id="an annotation"),
    ],
)
def test_the_check_finds(place: Callable[[dict[str, Any]], Any], field: str, value: object):
    dashboard = copy.deepcopy(DASHBOARDS["overview"])
    place(dashboard)[field] = value
    assert mistakes(dashboard)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_it_fits_a_screen_and_no_panel_covers_another(name: str):
    panels = DASHBOARDS[name]["panels"]
    assert len(panels) <= 15
    cells = [cell for panel in panels for cell in _cells(panel["gridPos"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) == 23


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    columns = range(place["x"], place["x"] + place["w"])
    return list(itertools.product(columns, range(place["y"], place["y"] + place["h"])))


def test_each_has_a_name_and_an_address_of_its_own():
    for what in ("uid", "title"):
        assert len({one[what] for one in DASHBOARDS.values()}) == len(DASHBOARDS)
    for dashboard in DASHBOARDS.values():
        titles = [panel["title"] for panel in dashboard["panels"]]
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_it_begins_with_numbers_that_have_thresholds(name: str):
    panels = DASHBOARDS[name]["panels"]
    first = [panel for panel in panels if panel["gridPos"]["y"] == 0]
    assert {panel["type"] for panel in first} == {"stat"}
    assert any(len(_thresholds(panel)) > 1 for panel in first)
    assert all(panel["type"] != "stat" for panel in panels if panel not in first)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_one_gets_from_it_to_all_others_with_time_and_choice_kept(name: str):
    (link,) = DASHBOARDS[name]["links"]
    assert (link["type"], link["includeVars"], link["keepTime"]) == ("dashboards", True, True)
    assert all(set(link["tags"]) <= set(other["tags"]) for other in DASHBOARDS.values())


@pytest.mark.parametrize("name", DASHBOARDS)
def test_its_variables_choose_all_and_match_what_has_no_such_label(name: str):
    source, *others = DASHBOARDS[name]["templating"]["list"]
    assert (source["type"], source["name"]) == ("datasource", "datasource")
    assert [one["name"] for one in others] == ["namespace", "job", "instance"]
    assert all(one["current"]["value"] == "$__all" and re.fullmatch(one["allValue"], "") for one in others)


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_explains_itself(panel: dict[str, Any]):
    assert panel["description"].endswith(".")
    unit = _defaults(panel).get("unit") or panel["options"].get("yAxis", {}).get("unit")
    assert unit in UNITS or "mappings" in _defaults(panel)
    if panel["type"] == "timeseries":
        assert all(target["legendFormat"] for target in panel["targets"])


@pytest.mark.parametrize("panel", PANELS)
def test_its_queries_mean_what_is_chosen_above(panel: dict[str, Any]):
    assert panel["datasource"]["uid"] == "${datasource}"
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}"
        for word in ("$namespace", "$job", "$instance"):
            assert word in target["expr"] or "ALERTS" in target["expr"], target["expr"]
        assert not re.findall(r"rate\([^]]*\[(?!\$__rate_interval)", target["expr"]), target["expr"]


def _defaults(panel: dict[str, Any]) -> dict[str, Any]:
    return dict(panel.get("fieldConfig", {}).get("defaults", {}))


def _thresholds(panel: dict[str, Any]) -> list[dict[str, Any]]:
    return list(_defaults(panel)["thresholds"]["steps"])


def test_what_is_provisioned_is_found():
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "roost.yml").read_text())["providers"]
    assert provider["type"] == "file"
