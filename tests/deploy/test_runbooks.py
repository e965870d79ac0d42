"""The runbooks: one for each alert, of one form, and nothing in them that does not exist."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

import queries

from roost.__main__ import main
from roost.runtime.config import Settings
from roost.runtime.metrics import FAMILIES

HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]
INDEX = (queries.RUNBOOKS / "README.md").read_text()
PAGES = sorted(path for path in queries.RUNBOOKS.glob("*.md") if path.stem != "README")
RULES = [rule for group in yaml.safe_load(queries.ALERTS.read_text())["groups"] for rule in group["rules"]]
METRICS = {family.full_name for family in FAMILIES}
STANDARD = re.compile("(process|python_gc)_.+")
# Words with an underscore that are another program's: PostgreSQL's, Redis's, Linux's
THEIRS = {"max_connections", "target_session_attrs"}


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def page(request: pytest.FixtureRequest) -> str:
    return request.param.read_text()


def test_each_alert_has_one_and_each_is_of_an_alert():
    assert {path.stem for path in PAGES} == {rule["alert"] for rule in RULES}


def test_the_index_has_all_with_their_severity():
    found = dict(re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| ([^|]+) \|", INDEX, re.MULTILINE))
    assert set(found) == {path.stem for path in PAGES}
    for name, severities in found.items():
        assert set(severities.strip().split(", ")) == _severities(name)


def _severities(name: str) -> set[str]:
    return {rule["labels"]["severity"] for rule in RULES if rule["alert"] == name}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_its_name_its_severity_and_all_headings(path: Path):
    text = path.read_text()
    assert text.startswith(
        f"# {path.stem}\n\nSeverity: {' and '.join(sorted(_severities(path.stem))[::-1])}."
    )
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        assert part.strip()


def test_it_tells_what_to_run(page: str):
    diagnosis = page.partition("## Diagnosis")[2]
    assert "```sh" in diagnosis
    assert "```promql" in diagnosis


def test_its_metrics_exist(page: str):
    named = queries.metrics(page)
    assert {name for name in named if not STANDARD.fullmatch(name)} <= METRICS


def test_its_settings_exist(page: str):
    words = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", page))
    assert {word for word in words - THEIRS if not word.startswith("roost_")} <= set(Settings.model_fields)


def test_its_commands_exist(page: str):
    words = re.findall(r"(?:^|`|-- |\(|\s{3})roost ([a-z-]+)", page, re.MULTILINE)
    assert set(words) <= set(main.commands)


def test_its_links_lead_somewhere(page: str):
    for link in re.findall(r"\]\(([^)#]+)(?:#\w+)?\)", page):
        assert (queries.RUNBOOKS / link).is_file(), link


@pytest.mark.parametrize("word", ["roost", "pods", "logs", "redis", "sql"])
def test_the_words_are_defined_for_kubernetes_and_for_compose(word: str):
    assert len(re.findall(rf"^{word}\(\) ", INDEX, re.MULTILINE)) == 2
