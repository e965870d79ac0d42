"""Write the dashboards' files anew. They lie in the chart, which cannot read what lies outside of it."""

from __future__ import annotations

import json
from pathlib import Path

from deploy.grafana.connections import connections
from deploy.grafana.delivery import delivery
from deploy.grafana.engine import engine
from deploy.grafana.overview import overview
from deploy.grafana.presence import presence
from deploy.grafana.storage import storage
from grafana_foundation_sdk.cog.encoder import JSONEncoder

FOLDER = Path(__file__).parents[2] / "helm/roost/files/dashboards"
_DASHBOARDS = (overview, connections, delivery, presence, storage, engine)


def files() -> dict[str, str]:
    """What each of them should hold."""
    return {
        f"{make.__name__}.json": json.dumps(make(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"
        for make in _DASHBOARDS
    }


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
