"""Writes what is generated in the chart: README.md out of the comments in values.yaml, and the settings'
part of values.schema.json out of Roost's own configuration.

    python helm/generate.py           write both
    python helm/generate.py --check   exit 1 when one of them is not what it would write
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from roost.runtime.config import Settings

CHART = Path(__file__).parent / "roost"
OF_THE_CHART = frozenset(
    {
        "certificate_file",
        "database_password",
        "database_url",
        "direct_tls_port",
        "domain",
        "key_file",
        "listen_host",
        "metrics_host",
        "metrics_port",
        "own_direct_tls_port",
        "own_starttls_port",
        "pod_name",
        "redis_password",
        "redis_sentinel_password",
        "redis_url",
        "starttls_port",
        "tls",
    }
)
"""Settings that follow from other values, so that `settings` does not take them."""

_MARK = "# -- "
_KEPT = ("type", "enum", "minimum", "maximum", "items", "anyOf", "description")
_HEAD = (CHART.parent / "README.head.md").read_text("utf-8")


def schema() -> str:
    """values.schema.json with the settings that Roost has now."""
    file: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
    file["definitions"]["settings"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict(_settings()),
    }
    return json.dumps(file, indent=2) + "\n"


def _settings() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, found in Settings.model_json_schema()["properties"].items():
        if name not in OF_THE_CHART:
            yield name, {key: found[key] for key in _KEPT if key in found}


def readme() -> str:
    """README.md: its head, and a line for each value."""
    return _HEAD + "\n".join(_tables()) + "\n"


def _tables() -> Iterator[str]:
    text = (CHART / "values.yaml").read_text("utf-8")
    values = yaml.safe_load(text)
    for name, comment, section in explained(text.splitlines()):
        if section:
            yield from ("", f"## {section}", "", "| Value | Default | What for |", "| --- | --- | --- |")
        yield f"| `{'.'.join(name)}` | `{json.dumps(_at(values, name))}` | {comment} |"


def explained(lines: list[str]) -> Iterator[tuple[list[str], str, str]]:
    """(path, comment, title of the section that begins here) of each value that has a comment."""
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    section = ""
    for number, line in enumerate(lines):
        bare = line.strip()
        if bare.startswith(_MARK):
            comment = [bare.removeprefix(_MARK)]
        elif bare.startswith("# ") and comment:
            comment.append(bare.removeprefix("# "))
        elif line.startswith("# ") and number:
            section = bare.removeprefix("# ")
        elif _is_key(bare):
            indent = len(line) - len(line.lstrip())
            path = [*(one for one in path if one[0] < indent), (indent, bare.partition(":")[0])]
            if comment:
                yield [name for _, name in path], " ".join(comment), section
                section = ""
            comment = []


def _is_key(text: str) -> bool:
    return ":" in text and not text.startswith(("#", "-"))


def _at(values: Any, path: list[str]) -> Any:
    for name in path:
        values = values[name]
    return values


def main() -> int:
    """Write, or check; the exit code."""
    stale = 0
    for file, text in ((CHART / "README.md", readme()), (CHART / "values.schema.json", schema())):
        if "--check" not in sys.argv:
            file.write_text(text, "utf-8")
        elif not file.exists() or file.read_text("utf-8") != text:
            print(f"{file} is not fresh: run python helm/generate.py", file=sys.stderr)
            stale = 1
    return stale


if __name__ == "__main__":
    sys.exit(main())
