"""The command: draw dashboards from what a Prometheus knows."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import click
from deploy.grafana.draw.page import Page
from deploy.grafana.draw.source import Prometheus, View

_DASHBOARDS = Path(__file__).parents[1] / "dashboards"


@click.command()
@click.option("--prometheus", "url", default="http://127.0.0.1:9090", show_default=True, help="Where it is.")
@click.option("--minutes", default=15.0, show_default=True, help="How long a time is shown.")
@click.option("--until", type=float, help="Its end, in seconds of Unix time. [default: now]")
@click.option("--into", type=click.Path(path_type=Path), default=Path(), help="The folder for the pictures.")
@click.argument("dashboards", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(url: str, minutes: float, until: float | None, into: Path, dashboards: Sequence[Path]) -> None:
    """Draw DASHBOARDS (JSON files; all of Roost's if none is named) as dashboard-NAME.png."""
    end = until or time.time()
    view = View(Prometheus(url), end - minutes * 60, end)
    into.mkdir(parents=True, exist_ok=True)
    for file in dashboards or sorted(_DASHBOARDS.glob("*.json")):
        picture = into / f"dashboard-{file.stem}.png"
        Page(json.loads(file.read_text()), view).save(picture)
        click.echo(picture)


if __name__ == "__main__":
    main()
