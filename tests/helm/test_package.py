"""The chart as it is packaged, and what of it is generated."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import yaml

from helm import generate
from helm.chart import ALERTS, DASHBOARDS, ROOT
from helm.matrix import MATRIX
from helm.objects import named, of
from roost.runtime.config import Settings


def test_alerts_and_dashboards_are_in_it(helm, tree, tmp_path):
    helm("package", str(helm.chart), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("roost-*.tgz")
    with tarfile.open(package) as packed:
        found = {one.name: packed.extractfile(one) for one in packed.getmembers() if one.isfile()}
        texts = {name: file.read() for name, file in found.items() if file is not None}
    assert texts["roost/files/alerts.yml"] == (tree / ALERTS).read_bytes()
    dashboards = sorted((tree / DASHBOARDS).glob("*.json"))
    assert dashboards
    for one in dashboards:
        assert texts[f"roost/files/dashboards/{one.name}"] == one.read_bytes()
    assert helm("template", "chat", str(package), values=MATRIX["watched"])


def test_no_file_of_the_project_is_a_link():
    """Archives and some systems' checkouts give a text in place of each."""
    listed = subprocess.run(
        ["git", "ls-files", "--stage"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert [line for line in listed.splitlines() if line.startswith("120000")] == []


def test_the_operator_gets_the_alerts_with_their_own_templates(render, tree):
    (rule,) = of(render(MATRIX["watched"]), "PrometheusRule")
    text = (tree / ALERTS).read_text().replace(": docs/runbooks/", ": https://wiki.example.net/")
    assert rule["spec"] == yaml.safe_load(text)


def test_the_sidecar_gets_each_dashboard(render, tree):
    objects = render(MATRIX["watched"])
    for file in (tree / DASHBOARDS).glob("*.json"):
        one = named(objects, "ConfigMap", f"chat-roost-dashboard-{file.stem.replace('_', '-')}")
        assert one["data"] == {file.name: file.read_text()}
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_what_is_generated_is_fresh():
    checked = subprocess.run(
        [sys.executable, str(ROOT / "helm" / "generate.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "services")},
    )
    assert checked.returncode == 0, checked.stderr


def test_every_value_is_explained():
    lines = (generate.CHART / "values.yaml").read_text().splitlines()
    explained = {".".join(path) for path, _comment, _section in generate.explained(lines)}
    values = yaml.safe_load("\n".join(lines))
    for name in ("roleDefaults.replicas", "redis.builtIn.persistence.size", "roles"):
        assert name in explained
    assert not [path for path in leaves(values) if not any(_covers(one, path) for one in explained)]


def leaves(values, path=()):
    """The paths of all values that hold no further ones."""
    if isinstance(values, dict) and values:
        for name, value in values.items():
            yield from leaves(value, (*path, name))
    else:
        yield ".".join(path)


def _covers(explained: str, path: str) -> bool:
    return path == explained or path.startswith(f"{explained}.")


def test_the_chart_takes_every_setting_that_it_does_not_make_itself():
    assert set(Settings.model_fields) >= generate.OF_THE_CHART
    known = Path(generate.CHART / "values.schema.json").read_text()
    for name in set(Settings.model_fields) - generate.OF_THE_CHART:
        assert f'"{name}"' in known


def test_the_example_in_the_readme_is_one(render):
    text = (generate.CHART / "README.md").read_text()
    example = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    objects = render(example)
    assert len(of(objects, "HorizontalPodAutoscaler")) == 1
    assert of(objects, "Certificate", "ServiceMonitor", "PrometheusRule")
