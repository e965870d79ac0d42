"""Ways to look at rendered objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from roost.runtime import config
from roost.runtime.config import Settings

Thing = dict[str, Any]
VARIABLES = {f"{config.PREFIX}{name.upper()}" for name in Settings.model_fields}
"""All settings as variables."""


def named(objects: list[Thing], kind: str, name: str) -> Thing:
    """The one object of that kind and name."""
    (found,) = [one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name]
    return found


def of(objects: list[Thing], *kinds: str) -> list[Thing]:
    """All objects of these kinds."""
    return [one for one in objects if one["kind"] in kinds]


def pod_of(workload: Thing) -> Thing | None:
    """The pod that a workload makes, or is, with metadata and spec; None for what is no workload."""
    if workload["kind"] == "Pod":
        return workload
    template: Thing | None = workload.get("spec", {}).get("template")
    return template


def pods(objects: list[Thing]) -> Iterator[tuple[Thing, Thing]]:
    """(workload, its pod) of each workload."""
    for one in objects:
        pod = pod_of(one)
        if pod is not None:
            yield one, pod


def containers(pod: Thing) -> list[Thing]:
    """All containers of a pod, those before the start included."""
    spec = pod["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def selects(selector: Mapping[str, str], pod: Thing) -> bool:
    """Whether these labels are among the pod's."""
    return selector.items() <= pod["metadata"]["labels"].items()


def environment(objects: list[Thing], container: Thing) -> dict[str, str]:
    """A container's variables with what ConfigMaps and Secrets of the chart say; others' as `name:key`."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", []):
        found[variable["name"]] = _value(objects, variable)
    return found


def _value(objects: list[Thing], variable: Thing) -> str:
    source = variable.get("valueFrom", {})
    if "secretKeyRef" not in source:
        return str(variable.get("value", ""))
    name, key = source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]
    for secret in of(objects, "Secret"):
        if secret["metadata"]["name"] == name:
            return str(secret["stringData"][key])
    return f"{name}:{key}"


def container(objects: list[dict[str, Any]], role: str = "connection-manager") -> Thing:
    """The container of a role of the release `chat`."""
    pod = pod_of(named(objects, "Deployment", f"chat-roost-{role}"))
    assert pod is not None
    return containers(pod)[-1]


def settings(monkeypatch, objects: list[dict[str, Any]], one: dict[str, Any]) -> Settings:
    """The settings that Roost has with a container's variables."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment(objects, one).items():
        if name.startswith(config.PREFIX):
            monkeypatch.setenv(name, value)
    return config.load()
