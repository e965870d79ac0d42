"""Checks a dashboard against Grafana's schema, as its foundation SDK has it in types made from that schema.

Found are: fields that Grafana does not know or that lack, at any depth, those of a panel's options and of a
Prometheus query included; values of a wrong type; and words that are not among those that a field may have.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from enum import Enum
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

register_default_plugins()

_MODELS = "grafana_foundation_sdk.models."


def mistakes(dashboard: dict[str, Any]) -> list[str]:
    """Each mistake with its place; the SDK itself raises for what it cannot read at all."""
    model = Dashboard.from_json(dashboard)
    understood = json.loads(json.dumps(model, cls=JSONEncoder))
    return [*_differences(dashboard, understood, ""), *_wrong(model, "")]


def _differences(given: Any, understood: Any, place: str) -> Iterator[str]:
    if isinstance(given, dict) and isinstance(understood, dict):
        for key in given.keys() | understood.keys():
            if key not in understood:
                yield f"{place}.{key}: there is no such field"
            elif key not in given:
                yield f"{place}.{key}: lacks"
            else:
                yield from _differences(given[key], understood[key], f"{place}.{key}")
    elif isinstance(given, list) and isinstance(understood, list) and len(given) == len(understood):
        for i, pair in enumerate(zip(given, understood, strict=True)):
            yield from _differences(*pair, f"{place}[{i}]")
    elif given != understood:
        yield f"{place}: {given!r} is taken for {understood!r}"


def _wrong(value: Any, place: str) -> Iterator[str]:
    """What in an object of the SDK, and in those below it, has a value that its annotation does not allow."""
    if isinstance(value, list):
        for i, each in enumerate(value):
            yield from _wrong(each, f"{place}[{i}]")
    elif type(value).__module__.startswith(_MODELS) and not isinstance(value, Enum):
        for name, hint in typing.get_type_hints(type(value)).items():
            each = getattr(value, name)
            if not _fits(each, hint):
                yield f"{place}.{name}: {each!r} is not of {hint}"
            yield from _wrong(each, f"{place}.{name}")


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint in (Any, object):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is typing.Literal:
        return value in inner
    if origin is list:
        return isinstance(value, list) and all(_fits(each, inner[0]) for each in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(each, inner[1]) for each in value.values())
    if issubclass(hint, Enum):
        return value in [each.value for each in hint]
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)
