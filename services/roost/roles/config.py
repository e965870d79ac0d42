"""`roost config`: the settings in effect, and the reference of all settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from roost.runtime import config
from roost.runtime.config import PREFIX, Settings

_HEAD = """\
# Configuration

Every setting is an environment variable, a key of the TOML file that `--config` or
`ROOST_CONFIG` names, and, except for URLs and passwords, an option of the commands that use it:
`ROOST_STARTTLS_PORT=5322`, `starttls_port = 5322`, `--starttls-port 5322`. An option wins over
a variable, that over the file, that over the default. A key that does not exist, a value of the
wrong type or out of its bounds: the command says all mistakes at once and ends.
`roost config` prints the values in effect. This page is `roost config --reference`.
"""


def effective(settings: Settings) -> str:
    """The settings in effect, `name = value` a line, secrets masked."""
    return "".join(f"{name} = {value}\n" for name, value in config.effective(settings).items())


def reference() -> str:
    """What every setting means, as Markdown."""
    return _HEAD + "\n" + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    yield "| Setting | Variable | Default | Bounds | What for |"
    yield "| --- | --- | --- | --- | --- |"
    for name, schema in Settings.model_json_schema()["properties"].items():
        default = _default(name)
        yield (
            f"| `{name}` | `{PREFIX}{name.upper()}` | {default} | {_bounds(schema)} "
            f"| {schema['description'].replace('|', chr(92) + '|')} |"
        )


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    if field.default_factory is not None:
        return "the machine's name"
    return "none" if field.default is None else f"`{field.default}`"


def _bounds(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    if "minimum" in schema:
        return f"{schema['minimum']:g} to {schema['maximum']:.10g}".replace("e+06", "000000")
    return ""
