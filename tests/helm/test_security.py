"""Least rights, and no secret where everybody can read it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from helm.matrix import MATRIX, PASSWORDS
from helm.objects import containers, named, of, pods, selects

every = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())


@every
def test_every_pod_keeps_to_the_restricted_standard(render, values):
    for _workload, pod in pods(render(values)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        # else a Service named roost-metrics would be a variable ROOST_METRICS_PORT=tcp://...
        assert spec["enableServiceLinks"] is False
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] in {10001, 999}
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


@every
def test_every_container_says_what_it_may_use(render, values):
    for _workload, pod in pods(render(values)):
        for container in containers(pod):
            assert container["resources"]["requests"].keys() == {"cpu", "memory"} or "rooms" in str(values)
            assert "memory" in container["resources"]["limits"]


@every
def test_no_password_is_anywhere_but_in_a_secret(render, values):
    for one in render(values):
        if one["kind"] != "Secret":
            text = json.dumps(one)
            for password in (*PASSWORDS, PASSWORDS[0].replace(" ", ""), "sesame"):
                assert password not in text


@every
def test_no_service_account_has_a_token(render, values):
    for one in of(render(values), "ServiceAccount"):
        assert one["automountServiceAccountToken"] is False


@every
def test_nobody_is_allowed_to_ask_the_api(render, values):
    assert not of(render(values), "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")


@every
def test_every_pod_has_exactly_one_policy_for_both_ways(render, values):
    objects = render(values)
    policies = of(objects, "NetworkPolicy")
    if values.get("networkPolicy", {}).get("enabled") is False:
        assert policies == []
        return
    for _workload, pod in pods(objects):
        (policy,) = [one for one in policies if selects(one["spec"]["podSelector"]["matchLabels"], pod)]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


@every
def test_what_may_go_out_to_a_pod_of_the_release_may_come_in_there(render, values):
    objects = render(values)
    everybody = dict(_pods_by_component(objects))
    for policy in of(objects, "NetworkPolicy"):
        speaker = policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        if speaker not in everybody:
            continue
        for rule in policy["spec"].get("egress") or []:
            for listener in _components(rule.get("to", [])):
                ports = {one["port"] for one in rule["ports"]}
                assert ports <= _open_to(objects, speaker, listener), (speaker, listener)


def _pods_by_component(objects: list[dict[str, Any]]):
    return ((pod["metadata"]["labels"]["app.kubernetes.io/component"], pod) for _, pod in pods(objects))


def _components(peers: list[dict[str, Any]]) -> list[str]:
    labels = [one.get("podSelector", {}).get("matchLabels", {}) for one in peers]
    return [found for one in labels if (found := one.get("app.kubernetes.io/component"))]


def _open_to(objects: list[dict[str, Any]], speaker: str, listener: str) -> set[int]:
    """The ports of `listener` that `speaker` may connect to."""
    found: set[int] = set()
    for policy in of(objects, "NetworkPolicy"):
        if policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] != listener:
            continue
        for rule in policy["spec"].get("ingress") or []:
            if "from" not in rule or speaker in _components(rule["from"]):
                found |= {one["port"] for one in rule["ports"]}
    return found


def egress(objects: list[dict[str, Any]], name: str) -> list[tuple[list[Any], list[int]]]:
    policy = named(objects, "NetworkPolicy", name)
    rules = policy["spec"]["egress"]
    return [(rule.get("to", []), sorted(one["port"] for one in rule.get("ports", []))) for rule in rules]


@pytest.mark.parametrize(
    ("which", "redis", "database"),
    [
        ("external", [6379], [5432]),
        ("passwords in Secrets", [6380], [5433]),
        ("URLs in Secrets", [6379, 26379], [5432]),
        ("Sentinels with a CA", [6379, 26379, 26380], [5432]),
        ("a Redis Cluster", [7000], [5432]),
        ("everything of one's own", [6400], [6401]),
    ],
)
def test_only_dns_and_the_engines_can_be_reached(render, which, redis, database):
    for role in ("connection-manager", "presence"):
        rules = egress(render(MATRIX[which]), f"chat-roost-{role}")
        assert [ports for _, ports in rules[:3]] == [[53, 53], redis, database]
        assert rules[0][0], "DNS is not anywhere"


def test_metrics_are_for_the_monitoring_alone(render):
    for role in ("connection-manager", "presence"):
        first = named(render(MATRIX["external"]), "NetworkPolicy", f"chat-roost-{role}")["spec"]["ingress"][0]
        assert first["ports"] == [{"protocol": "TCP", "port": 9090}]
        labels = first["from"][0]["namespaceSelector"]["matchLabels"]
        assert labels == {"kubernetes.io/metadata.name": "monitoring"}


def test_presence_lets_nobody_else_in(render):
    policy = named(render(MATRIX["external"]), "NetworkPolicy", "chat-roost-presence")
    assert len(policy["spec"]["ingress"]) == 1


def test_the_key_of_the_certificate_is_where_it_is_needed(render):
    """The smoke test checks the certificate and must not be able to pretend to be the server."""
    holders = []
    for workload, pod in pods(render(MATRIX["external"])):
        for volume in pod["spec"].get("volumes") or []:
            if volume.get("secret", {}).get("secretName") == "certificate":
                items = volume["secret"].get("items")
                holders.append((workload["metadata"]["name"], items))
    assert sorted(holders) == [
        ("chat-roost-connection-manager", None),
        ("chat-roost-smoke-test", [{"key": "tls.crt", "path": "tls.crt"}]),
    ]
