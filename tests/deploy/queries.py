"""The queries of dashboards, alerts and runbooks, and what they speak of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DASHBOARDS = ROOT / "helm" / "roost" / "files" / "dashboards"
ALERTS = ROOT / "helm" / "roost" / "files" / "alerts.yml"
RUNBOOKS = ROOT / "docs" / "runbooks"
_METRIC = re.compile(r"\b(?:roost|process|python)_[a-z0-9_]+")
_BLOCK = re.compile(r"^ *```promql\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def of_panels() -> Iterator[tuple[str, str]]:
    """Where it stands, and the query, of each panel."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{path.stem}: {panel['title']}, {target['refId']}", target["expr"]


def of_annotations() -> Iterator[tuple[str, str]]:
    """Likewise of what is marked in all panels of a dashboard."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        for annotation in json.loads(path.read_text())["annotations"]["list"]:
            yield f"{path.stem}: {annotation['name']}", annotation["expr"]


def of_alerts() -> Iterator[tuple[str, str]]:
    """Likewise of each alert."""
    for group in yaml.safe_load(ALERTS.read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]


def of_runbooks() -> Iterator[tuple[str, str]]:
    """Likewise of each line of a block of PromQL in the runbooks."""
    for path in sorted(RUNBOOKS.glob("*.md")):
        for block in _BLOCK.findall(path.read_text()):
            for line in block.splitlines():
                yield f"{path.stem}: {line.strip()}", line.strip()


def metrics(text: str) -> set[str]:
    """The names of metrics in a query or in prose, without what a histogram's series have behind them."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in _METRIC.findall(text)}
