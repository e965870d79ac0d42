"""What was made at the installation is kept by an upgrade."""

from __future__ import annotations

import pytest
import yaml

from helm.api_server import running
from helm.chart import LOADER
from helm.matrix import EXTERNAL, TRIAL, merged
from helm.objects import named, of

MADE = ("chat-roost-tls", "chat-roost-valkey", "chat-roost-postgresql")


def upgraded(helm, url, values):
    words = ["template", "chat", str(helm.chart), "--namespace", "talk", "--is-upgrade"]
    server = ["--dry-run=server", "--kube-apiserver", url, "--disable-openapi-validation"]
    told = helm(*words, *server, values=values)
    return [one for one in yaml.load_all(told, LOADER) if one]


def test_passwords_and_the_certificate_are_kept(helm, render):
    with running() as server:
        first = render(TRIAL)
        assert {one["metadata"]["name"] for one in of(first, "Secret")} == set(MADE)
        fresh = upgraded(helm, server.url, TRIAL)
        for name in MADE:
            assert named(fresh, "Secret", name) != named(first, "Secret", name)
            server.keep(named(first, "Secret", name))
        second = upgraded(helm, server.url, TRIAL)
        for name in MADE:
            assert named(second, "Secret", name) == named(first, "Secret", name)
        assert of(second, "Deployment", "StatefulSet") == of(first, "Deployment", "StatefulSet")


def test_a_password_that_is_given_wins(helm, render):
    with running() as server:
        server.keep(named(render(TRIAL), "Secret", "chat-roost-valkey"))
        given = merged(TRIAL, {"redis": {"builtIn": {"password": "sesame"}}})
        secret = named(upgraded(helm, server.url, given), "Secret", "chat-roost-valkey")
        assert secret["stringData"]["password"] == "sesame"


SCALED = merged(EXTERNAL, {"roleDefaults": {"autoscaling": {"enabled": True}}})
HELM_3 = ("helm", "Update", {"f:replicas": {}})
HELM_4 = ("helm", "Apply", {"f:replicas": {}})
HELM_4_LONG_AGO = ("helm", "Apply", {})
AUTOSCALER = ("kube-controller-manager", "Update", {"f:replicas": {}})


def _manager(name, operation, spec):
    return {"manager": name, "operation": operation, "fieldsV1": {"f:metadata": {}, "f:spec": spec}}


@pytest.mark.parametrize(
    ("managers", "said"),
    [
        ([HELM_4], 7),  # said no more, it would be one pod
        ([HELM_4, AUTOSCALER], 7),
        ([HELM_4_LONG_AGO, AUTOSCALER], None),  # the autoscaler's alone: what Helm says would be a conflict
        ([HELM_3], 7),
        ([HELM_3, AUTOSCALER], 7),  # it looks at what it said last, not at whose it is
        ([("helm-controller", *HELM_4[1:])], 7),
        ([AUTOSCALER], None),
    ],
)
def test_an_autoscaler_that_is_turned_on_takes_no_pod_away(helm, render, managers, said):
    there = named(render(EXTERNAL), "Deployment", "chat-roost-connection-manager")
    managed = {**there["metadata"], "managedFields": [_manager(*one) for one in managers]}
    with running() as server:
        server.keep({**there, "metadata": managed, "spec": {**there["spec"], "replicas": 7}})
        second = upgraded(helm, server.url, SCALED)
    spec = named(second, "Deployment", "chat-roost-connection-manager")["spec"]
    assert spec.get("replicas") == said
    assert "replicas" not in named(second, "Deployment", "chat-roost-presence")["spec"]
