"""The alerts: each says what it means and where to read on, and fires when it should and only then."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = ROOT / "helm/roost/files/alerts.yml"
GROUPS = yaml.safe_load(RULES.read_text())["groups"]
ALERTS = [pytest.param(rule, id=rule["alert"]) for group in GROUPS for rule in group["rules"]]
NAMES = {rule["alert"] for group in GROUPS for rule in group["rules"]}
CASES = yaml.safe_load((FOLDER / "alerts_test.yml").read_text())["tests"]


@pytest.mark.parametrize("rule", ALERTS)
def test_an_alert_says_what_it_means(rule: dict[str, Any]):
    assert re.fullmatch("Roost[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert "for" in rule
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["description"].endswith(".")
    assert (ROOT / rule["annotations"]["runbook_url"]).stem == rule["alert"]
    assert (ROOT / rule["annotations"]["runbook_url"]).is_file()


@pytest.mark.parametrize("rule", ALERTS)
def test_what_its_text_names_is_there_when_it_fires(rule: dict[str, Any]):
    """A label that the expression sums away would be an empty word in the text."""
    text = " ".join(rule["annotations"].values())
    kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
    named = set(re.findall(r"\$labels\.(\w+)", text))
    assert named <= (kept or {"instance"})


def test_the_rules_are_what_prometheus_understands():
    _promtool("check", "rules", str(RULES))


def test_each_alert_fires_for_what_it_should_and_for_nothing_else():
    _promtool("test", "rules", "alerts_test.yml")


def test_each_alert_has_a_case_of_both():
    found: dict[str, set[bool]] = defaultdict(set)
    for case in CASES:
        for one in case["alert_rule_test"]:
            found[one["alertname"]].add(bool(one["exp_alerts"]))
    assert found == {name: {True, False} for name in NAMES}


def _promtool(*words: str) -> None:
    done = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
