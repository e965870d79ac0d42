"""The folder that a run leaves behind: its place, its files, its figures."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from loadtest.report.outcome import Outcome

DEFAULT = Path(__file__).parents[1] / "results"
"""Ignored by git."""
TIMELINE = "timeline.csv"
OUTCOME = "outcome.json"
PICTURE = "picture.png"
LOG = "locust.log"


def folder(asked: str | None) -> Path:
    """The folder that was asked for, or a new one named by the time; made if need be."""
    path = Path(asked) if asked else DEFAULT / f"{datetime.now():%Y-%m-%d-%H%M%S}"
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_outcome(path: Path, found: Outcome) -> None:
    """Keep the figures for other programs."""
    (path / OUTCOME).write_text(json.dumps(found.plain(), indent=2))


def read_outcome(path: Path) -> Outcome:
    """The figures of a run that has ended."""
    return Outcome.of_plain(json.loads((path / OUTCOME).read_text()))
