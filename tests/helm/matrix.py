"""Sets of values: each feature of the chart on and off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = dict[str, Any]

PASSWORDS = ("p@ss/word #1 redis", "p@ss/word #1 postgresql")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Values:
    """`above` over `below`, as Helm merges values."""
    made = dict(below)
    for name, value in above.items():
        before = made.get(name)
        both = isinstance(value, Mapping) and isinstance(before, Mapping)
        made[name] = merged(before, value) if both else value
    return made


EXTERNAL: Values = {
    "domain": "example.net",
    "tls": {"existingSecret": "certificate"},
    "redis": {"hosts": ["redis.data"], "password": PASSWORDS[0]},
    "database": {"host": "db.data", "password": PASSWORDS[1]},
}
TRIAL: Values = {
    "domain": "example.net",
    "tls": {"selfSigned": True},
    "redis": {"builtIn": {"enabled": True}},
    "database": {"builtIn": {"enabled": True}},
}
_CA = {"name": "authority", "key": "root.pem"}
_PEERS = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]


def _with(**values: Any) -> Values:
    return merged(EXTERNAL, values)


def _engines(redis: Mapping[str, Any], database: Mapping[str, Any]) -> Values:
    return {
        "domain": "example.net",
        "tls": {"existingSecret": "certificate"},
        "redis": redis,
        "database": database,
    }


MATRIX: dict[str, Values] = {
    "trial": TRIAL,
    "trial that keeps nothing": merged(
        TRIAL,
        {
            "redis": {"builtIn": {"persistence": {"enabled": False}, "password": "open"}},
            "database": {"builtIn": {"persistence": {"enabled": False}, "password": "open"}},
        },
    ),
    "external": EXTERNAL,
    "URLs": _engines(
        {"url": f"redis://:{PASSWORDS[0].replace(' ', '')}@redis:6380"},
        {"url": "postgresql://roost:sesame@db/roost"},
    ),
    "URLs in Secrets": _engines(
        {"existingSecret": {"name": "engines", "urlKey": "redis"}},
        {"existingSecret": {"name": "db-app", "urlKey": "uri"}},
    ),
    "passwords in Secrets": _engines(
        {
            "hosts": ["redis:6380"],
            "username": "roost me",
            "existingSecret": {"name": "r", "passwordKey": "p"},
        },
        {"host": "db", "port": 5433, "existingSecret": {"name": "d", "passwordKey": "password"}},
    ),
    "Sentinels with a CA": _engines(
        {"mode": "sentinel", "hosts": ["s-0", "s-1:26380"], "master": "main", "tls": True, "caSecret": _CA},
        {"host": "db", "caSecret": _CA},
    ),
    "Sentinels with a password": _engines(
        {
            "mode": "sentinel",
            "hosts": ["s-0"],
            "caSecret": _CA,
            "tls": True,
            "password": PASSWORDS[0],
            "sentinel": {"username": "sen tinel", "password": PASSWORDS[1]},
        },
        {"host": "db"},
    ),
    "Sentinels with a password in a Secret": _engines(
        {
            "mode": "sentinel",
            "hosts": ["s-0"],
            "existingSecret": {"name": "r", "passwordKey": "p", "sentinelPasswordKey": "s"},
        },
        {"host": "db"},
    ),
    "a Redis Cluster": _engines(
        {"mode": "cluster", "hosts": ["r-0:7000", "r-1:7000"]}, {"host": "db", "sslMode": "require"}
    ),
    "cert-manager": _with(
        tls={
            "existingSecret": "",
            "certManager": {
                "enabled": True,
                "issuerRef": {"name": "letsencrypt"},
                "extraDnsNames": ["xmpp.example.net"],
                "duration": "2160h",
                "renewBefore": "720h",
            },
        }
    ),
    "TLS ends in front": _with(tls={"mode": "optional", "existingSecret": ""}),
    "a balancer": _with(
        roles={
            "connection-manager": {
                "service": {
                    "type": "LoadBalancer",
                    "annotations": {"example.net/kind": "network"},
                    "loadBalancerClass": "example.net/balancer",
                    "loadBalancerSourceRanges": ["192.0.2.0/24", "2001:db8::/32"],
                    "ipFamilyPolicy": "PreferDualStack",
                },
                "networkPolicy": {"from": _PEERS},
            }
        },
        loadtest={"enabled": True},
    ),
    "node ports": _with(
        roles={
            "connection-manager": {
                "service": {"type": "NodePort", "externalTrafficPolicy": "Cluster"},
                "ports": {"starttls": {"nodePort": 30522, "port": 15222}, "direct-tls": {"port": 0}},
            }
        }
    ),
    "scaling": _with(roleDefaults={"autoscaling": {"enabled": True}}),
    "watched": _with(
        metrics={
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "runbooks": "https://wiki.example.net/"},
            "dashboards": {"enabled": True},
        }
    ),
    "load test": _with(
        settings={"registration": "open"},
        loadtest={
            "enabled": True,
            "settings": {"scenario": "chat", "think": 0.5, "contacts": 1000000},
            "caSecret": _CA,
            "webFrom": _PEERS,
            "extraEnv": [{"name": "LOCUST_USERS", "value": "100"}],
        },
    ),
    "load test of the trial": merged(TRIAL, {"loadtest": {"enabled": True}}),
    "load test of another": _with(loadtest={"enabled": True, "host": "xmpp://other.example:15222"}),
    "nothing optional": _with(
        networkPolicy={"enabled": False},
        smokeTest={"enabled": False},
        serviceAccount={"create": False},
        migration={"mode": "none"},
        roleDefaults={"podDisruptionBudget": {"enabled": False}, "topologySpread": [], "preStopSeconds": 0},
    ),
    "everything of one's own": _with(
        commonLabels={"team": "chat"},
        image={"repository": "registry.example.net/roost", "digest": "sha256:" + "0" * 64},
        imagePullSecrets=[{"name": "registry"}],
        serviceAccount={"name": "mine", "annotations": {"a": "b"}},
        migration={"mode": "init"},
        networkPolicy={"redis": {"to": _PEERS, "ports": [6400]}, "database": {"to": _PEERS, "ports": [6401]}},
        roleDefaults={
            "extraArgs": ["--log-level=debug"],
            "extraEnv": [{"name": "TZ", "value": "UTC"}],
            "extraVolumes": [{"name": "more", "emptyDir": {}}],
            "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
            "podLabels": {"l": "1"},
            "podAnnotations": {"a": "1"},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "chat", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "high",
            "networkPolicy": {"extraIngress": [{"from": _PEERS}], "extraEgress": [{"to": _PEERS}]},
        },
        roles={"connection-manager": {"preStopSeconds": 10, "settings": {"drain_seconds": 90}}},
    ),
    "a further role": _with(roles={"rooms": {"replicas": 3, "resources": {"limits": {"memory": "2Gi"}}}}),
    "one role": _with(roles={"presence": None}),
}
