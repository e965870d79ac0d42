"""What is rendered is valid to Kubernetes, and each object finds those that it names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from helm.chart import LOADER
from helm.matrix import MATRIX
from helm.objects import containers, environment, named, of, pods, selects

VERSIONS = ("1.30", "1.33", "1.37")
"""The oldest that the chart allows, and newer ones."""
_PROMETHEUS = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
_CERT_MANAGER = "github.com/cert-manager/cert-manager@v1.21.2"
_CUSTOM = {
    "ServiceMonitor": (
        _PROMETHEUS,
        "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
    ),
    "PrometheusRule": (
        _PROMETHEUS,
        "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
    ),
    "Certificate": (_CERT_MANAGER, "deploy/crds/cert-manager.io_certificates.yaml"),
}
_seen: set[str] = set()

every = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())


@cache
def _module(name: str) -> Path:
    """The folder of a Go module: the operators publish their schemas in theirs."""
    told = subprocess.run(
        ["go", "mod", "download", "-json", name], check=True, capture_output=True, text=True, cwd="/"
    )
    return Path(json.loads(told.stdout)["Dir"])


@cache
def _custom(kind: str) -> Draft202012Validator:
    module, path = _CUSTOM[kind]
    definition = yaml.load((_module(module) / path).read_text(), LOADER)
    found: dict[str, Any] = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    _close(found)
    return Draft202012Validator(found)


@cache
def _definitions(version: str) -> Registry:
    """What the schemas of one version refer to; kubernetes_validate reads it anew for each object."""
    contents = schema_contents(f"{_strict(version)}/_definitions.json", version)
    return Resource.from_contents(contents) @ Registry()


@cache
def _validator(version: str, kind: str, group: str) -> Draft202012Validator:
    contents = schema_contents(f"{_strict(version)}/{kind.lower()}-{group}.json", version)
    return Draft202012Validator(contents, registry=Resource.from_contents(contents) @ _definitions(version))


def _strict(version: str) -> str:
    return f"kubernetes-json-schema/v{version}.0-local-strict"


def _close(schema: Any) -> None:
    """Have a schema refuse fields that it does not name, as the API server would drop them."""
    if isinstance(schema, Mapping):
        for one in schema.values():
            _close(one)
        if isinstance(schema, dict) and isinstance(schema.get("properties"), dict) and "type" in schema:
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        for one in schema:
            _close(one)


def _check(thing: dict[str, Any]) -> None:
    key = json.dumps(thing, sort_keys=True)
    if key in _seen:
        return
    _seen.add(key)
    if thing["kind"] in _CUSTOM:
        _custom(thing["kind"]).validate(thing)
        return
    group, _, version_of_group = thing["apiVersion"].rpartition("/")
    group = f"{group.partition('.')[0]}-{version_of_group}" if group else version_of_group
    for version in VERSIONS:
        _validator(version, thing["kind"], group).validate(thing)


@every
def test_kubernetes_takes_every_object(render, values):
    objects = render(values)
    assert objects
    for one in objects:
        _check(one)


@every
def test_lint_has_nothing_to_say(helm, values):
    told = helm("lint", "--strict", str(helm.chart), values=values)
    assert "[ERROR]" not in told
    assert "[WARNING]" not in told


@every
def test_no_two_objects_have_one_name(render, values):
    names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in render(values)]
    assert len(names) == len(set(names))


@every
def test_each_name_that_is_used_is_one_of_the_release_or_of_the_values(render, values):
    objects = render(values)
    there = {(one["kind"], one["metadata"]["name"]) for one in objects} | _made_by_others(objects)
    said = json.dumps(values)
    for _workload, pod in pods(objects):
        for kind, name in _uses(pod):
            assert (
                (kind, name) in there or f'"{name}"' in said or (kind, name) == ("ServiceAccount", "default")
            )


def _made_by_others(objects: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {("Secret", one["spec"]["secretName"]) for one in of(objects, "Certificate")}


def _uses(pod: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "ServiceAccount", pod["spec"]["serviceAccountName"]
    for volume in pod["spec"].get("volumes") or []:
        if "secret" in volume:
            yield "Secret", volume["secret"]["secretName"]
    for container in containers(pod):
        for source in container.get("envFrom", []):
            yield "ConfigMap", source["configMapRef"]["name"]
        for variable in container.get("env", []):
            if "secretKeyRef" in variable.get("valueFrom", {}):
                yield "Secret", variable["valueFrom"]["secretKeyRef"]["name"]


@every
def test_every_mount_has_its_volume_and_every_volume_its_mount(render, values):
    for workload, pod in pods(render(values)):
        claims = workload["spec"].get("volumeClaimTemplates", [])
        volumes = {one["name"] for one in pod["spec"].get("volumes") or []}
        volumes |= {one["metadata"]["name"] for one in claims}
        mounts = {mount["name"] for one in containers(pod) for mount in one.get("volumeMounts") or []}
        assert volumes == mounts


@every
def test_every_selector_finds_its_pods(render, values):
    objects = render(values)
    everybody = [pod for _, pod in pods(objects)]
    for one in of(objects, "Service"):
        assert [pod for pod in everybody if selects(one["spec"]["selector"], pod)]
        _ports_exist(one, everybody)
    for one in of(objects, "PodDisruptionBudget", "Deployment", "StatefulSet"):
        wanted = one["spec"]["selector"]["matchLabels"]
        assert len([pod for pod in everybody if selects(wanted, pod)]) == 1
    for one in of(objects, "HorizontalPodAutoscaler"):
        named(objects, "Deployment", one["spec"]["scaleTargetRef"]["name"])


def _ports_exist(service: dict[str, Any], everybody: list[dict[str, Any]]) -> None:
    for pod in everybody:
        if selects(service["spec"]["selector"], pod):
            ports = {port["name"] for one in containers(pod) for port in one.get("ports", [])}
            assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@every
def test_versions_are_no_part_of_a_pod(render, values):
    """A new chart alone must not replace pods."""
    for _workload, pod in pods(render(values)):
        if pod.get("kind") != "Pod":
            assert "helm.sh/chart" not in pod["metadata"]["labels"]
            assert "app.kubernetes.io/version" not in pod["metadata"]["labels"]


def test_two_releases_in_one_namespace_live_together(render):
    for which in ("trial", "watched", "scaling", "load test", "cert-manager", "everything of one's own"):
        values = MATRIX[which]
        one, other = render(values), render(values, release="talk")
        names = [{thing["metadata"]["name"] for thing in objects} for objects in (one, other)]
        chosen = {values.get("serviceAccount", {}).get("name")}
        assert names[0] & names[1] <= chosen
        for service in of(one, "Service"):
            assert not [pod for _, pod in pods(other) if selects(service["spec"]["selector"], pod)]


@pytest.mark.parametrize(
    "overrides",
    [{}, {"fullnameOverride": "f" * 53}, {"nameOverride": "n" * 53}],
    ids=["release", "full", "name"],
)
def test_long_names_are_cut_and_stay_apart(render, overrides):
    objects = render({**MATRIX["trial"], **overrides, "loadtest": {"enabled": True}}, release="r" * 53)
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(names) == len(set(names))
    assert max(len(name) for _, name in names) <= 63
    for one in objects:
        _check(one)


def test_names_can_be_chosen(render):
    objects = render({**MATRIX["external"], "fullnameOverride": "xmpp"})
    named(objects, "Deployment", "xmpp-connection-manager")
    assert named(render(MATRIX["external"]), "Deployment", "chat-roost-presence")
    assert named(render(MATRIX["external"], release="roost"), "Deployment", "roost-presence")


@every
def test_what_a_container_is_given_is_no_more_than_text(render, values):
    objects = render(values)
    for _workload, pod in pods(objects):
        for container in containers(pod):
            assert all(isinstance(value, str) for value in environment(objects, container).values())
