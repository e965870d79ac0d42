"""Helm, run on the chart; what it renders is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ALERTS = Path("helm/roost/files/alerts.yml")
DASHBOARDS = Path("helm/roost/files/dashboards")
_SECONDS = 60
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Values = Mapping[str, Any]


def _program() -> str:
    """Helm on the PATH, or where `go install` puts it."""
    found = shutil.which("helm")
    if found is None and shutil.which("go"):
        go = subprocess.run(["go", "env", "GOPATH"], check=True, capture_output=True, text=True)
        found = shutil.which("helm", path=str(Path(go.stdout.strip()) / "bin"))
    assert found, "these tests need Helm: go install helm.sh/helm/v4/cmd/helm@v4.3.1"
    return found


class Refused(Exception):  # noqa: N818 - an answer, not a bug
    """Helm does not render this; the text is what it says."""


class Helm:
    """Runs Helm on the chart."""

    def __init__(self, chart: Path, home: Path) -> None:
        self.chart = chart
        self._program = _program()
        places = {f"HELM_{name}_HOME": str(home / name) for name in ("CACHE", "CONFIG", "DATA")}
        self._environment = {"PATH": os.environ["PATH"], "HOME": str(home), **places}
        self._rendered: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, *words: str, values: Values | None = None) -> str:
        """What it prints; raises Refused."""
        given = [] if values is None else ["--values", "-"]
        ran = subprocess.run(
            [self._program, *words, *given],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
            env=self._environment,
        )
        if ran.returncode:
            raise Refused(ran.stdout + ran.stderr)
        return ran.stdout

    def render(self, values: Values, *, release: str = "chat", upgrade: bool = False) -> list[dict[str, Any]]:
        """All objects of a release in the namespace `talk`, hooks included; raises Refused."""
        key = json.dumps([values, release, upgrade], sort_keys=True)
        if key not in self._rendered:
            words = ["template", release, str(self.chart), "--namespace", "talk"]
            text = self(*words, *(["--is-upgrade"] if upgrade else []), values=values)
            documents = yaml.load_all(text, LOADER)
            self._rendered[key] = [one for one in documents if one is not None]
        return self._rendered[key]
