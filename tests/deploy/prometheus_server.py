"""A real Prometheus for tests, from Debian's package, that looks at a cluster once a second."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import yaml
from deploy.grafana.draw.source import Prometheus

from engines import until
from free_ports import free_port

_STOP_SECONDS = 20


class PrometheusServer:
    """Scrapes `ports` of this machine as one job, and evaluates `rules`, until it is stopped."""

    def __init__(self, folder: Path, ports: Sequence[int], rules: Path) -> None:
        targets = [f"127.0.0.1:{port}" for port in ports]
        settings = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": "roost", "static_configs": [{"targets": targets}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        address = f"127.0.0.1:{free_port()}"
        self.client = Prometheus(f"http://{address}")
        with (folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'prometheus'}",
                    f"--web.listen-address={address}",
                    "--log.level=warn",
                ],
                stdout=log,
                stderr=log,
            )
        until(lambda: self.says(f"sum(up) == {len(targets)}"), "Prometheus's first look at all processes")

    def says(self, query: str) -> bool:
        """Whether a query gives anything now."""
        return bool(self.client.ask("query", query=query, time=time.time())["result"])

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(_STOP_SECONDS)
