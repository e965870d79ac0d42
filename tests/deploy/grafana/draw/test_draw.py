"""The pictures of the dashboards."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from deploy.grafana.__main__ import FOLDER
from deploy.grafana.draw.__main__ import main
from PIL import Image
from prometheus_server import PrometheusServer

from deploy.grafana.draw import units


def test_one_command_draws_dashboards(prometheus: PrometheusServer, scene_end: float, tmp_path: Path):
    words = ["--prometheus", prometheus.client.url, "--minutes", "1", "--until", str(scene_end)]
    files = [str(FOLDER / f"{name}.json") for name in ("delivery", "storage")]  # with panels of all kinds
    done = CliRunner().invoke(main, [*words, "--into", str(tmp_path), *files], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dashboard-delivery.png",
        "dashboard-storage.png",
    ]
    for path in tmp_path.iterdir():
        assert path.stat().st_size < 200 * 1024
        with Image.open(path) as picture:
            assert picture.size > (1500, 800)
            assert _coloured(picture) > 1000, f"{path.name} shows nothing"


def _coloured(picture: Image.Image) -> int:
    """How many dots are not grey: of lines, areas and numbers."""
    colours = picture.convert("RGB").getcolors(picture.width * picture.height) or []
    return sum(count for count, colour in colours if max(colour) - min(colour) > 80)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0 s"),
        (0.00042, "s", "420 µs"),
        (0.9999, "s", "1 s"),
        (90, "s", "1.5 min"),
        (0.123, "percentunit", "12.3%"),
        (123_456_789, "bytes", "118 MiB"),
        (12, "bytes", "12 B"),
        (1234, "mps", "1.23K msg/s"),
        (0.25, "reqps", "0.25 req/s"),
        (820, "short", "820"),
    ],
)
def test_a_number_is_written_with_its_unit(value: float, unit: str, text: str):
    assert units.text(value, unit) == text


def test_decimals_can_be_told():
    assert units.text(88.7, "d", 0) == "89 days"
