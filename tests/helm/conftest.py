"""What the tests of the chart share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helm.chart import ROOT, Helm


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the chart's folder: it needs nothing else of the project."""
    folder = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "helm", folder / "helm", symlinks=True)
    return folder


@pytest.fixture(scope="session")
def helm(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm, with a home of its own."""
    return Helm(tree / "helm" / "roost", tmp_path_factory.mktemp("helm-home"))


@pytest.fixture(scope="session")
def render(helm: Helm) -> Callable[..., list[dict[str, Any]]]:
    """Renders the chart with some values."""
    return helm.render
