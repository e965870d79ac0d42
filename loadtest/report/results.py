"""What Locust itself tells of a run, as files."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from locust.html import get_html_report
from locust.stats import PERCENTILES_TO_REPORT, StatsCSV

from loadtest.report.folder import write_outcome
from loadtest.report.outcome import Outcome, outcome


def write(path: Path, environment: Any) -> Outcome:
    """Locust's own tables and report, and the figures for other programs."""
    found = outcome(environment.stats)
    write_outcome(path, found)
    tables = StatsCSV(environment, PERCENTILES_TO_REPORT)
    _write_csv(path / "requests.csv", tables.requests_csv)
    _write_csv(path / "failures.csv", tables.failures_csv)
    _write_csv(path / "exceptions.csv", tables.exceptions_csv)
    (path / "report.html").write_text(get_html_report(environment, show_download_link=False))
    return found


def _write_csv(path: Path, write_rows: Callable[[Any], None]) -> None:
    with path.open("w", newline="") as file:
        write_rows(csv.writer(file))
