"""What makes no sense is refused, in words that say what to do."""

from __future__ import annotations

import pytest

from helm.chart import Refused
from helm.matrix import EXTERNAL, TRIAL, merged

NONSENSE = [
    ({"replicas": 2}, "additional properties 'replicas' not allowed"),
    ({"domain": "romeo@example.net"}, "at '/domain': "),
    ({"settings": {"drain_second": 3}}, "additional properties 'drain_second' not allowed"),
    ({"settings": {"drain_seconds": 601}}, "at '/settings/drain_seconds': maximum: got 601, want 600"),
    ({"settings": {"log_level": "loud"}}, "at '/settings/log_level': value must be one of"),
    ({"settings": {"redis_url": "redis://h"}}, "additional properties 'redis_url' not allowed"),
    ({"roles": {"presence": {"replica": 2}}}, "additional properties 'replica' not allowed"),
    ({"roles": {"presence": {"replicas": -1}}}, "at '/roles/presence/replicas': minimum"),
    ({"roles": {"Presence": {}}}, "invalid propertyName 'Presence'"),
    ({"roles": {"presence": {"settings": {"tls": "no"}}}}, "additional properties 'tls' not allowed"),
    (
        {"roleDefaults": {"service": {"type": "ExternalName"}}},
        "at '/roleDefaults/service/type': value must be one of",
    ),
    ({"roleDefaults": {"podDisruptionBudget": {"maxUnavailable": "half"}}}, "does not match pattern"),
    ({"roleDefaults": {"resources": {"request": {}}}}, "additional properties 'request' not allowed"),
    ({"roleDefaults": {"resources": {"limits": {"memory": "1 GB"}}}}, "does not match pattern"),
    ({"tls": {"mode": "off"}}, "at '/tls/mode': value must be one of 'required', 'optional'"),
    ({"redis": {"mode": "cluster-ish"}}, "at '/redis/mode': value must be one of"),
    ({"redis": {"hosts": ["redis://host"]}}, "at '/redis/hosts/0': "),
    ({"database": {"port": "5432"}}, "at '/database/port': got string, want integer"),
    ({"database": {"url": "mysql://db"}}, "at '/database/url': "),
    ({"image": {"digest": "latest"}}, "at '/image/digest': "),
    ({"metrics": {"port": 0}}, "at '/metrics/port': minimum"),
    ({"migration": {"mode": "maybe"}}, "at '/migration/mode': value must be one of"),
    ({"networkPolicy": {"dns": [{"cidr": "10.0.0.1/32"}]}}, "additional properties 'cidr' not allowed"),
    ({"fullnameOverride": "Has_Capitals"}, "at '/fullnameOverride': "),
]

MISFITS = [
    ({"domain": ""}, "Set domain to your XMPP domain, such as example.net."),
    (
        {"redis": {"hosts": []}},
        "Roost needs Redis or Valkey: set redis.hosts, redis.url or redis.existingSecret, or ",
    ),
    ({"redis": {"url": "redis://h"}}, "There are several ways to Redis: set only one of "),
    ({"redis": {"builtIn": {"enabled": True}}}, "There are several ways to Redis: set only one of "),
    (
        {"redis": {"existingSecret": {"name": "r"}}},
        "Say which key of the Secret r to use: set redis.existingSecret.",
    ),
    (
        {"redis": {"sentinel": {"password": "sesame"}}},
        "There are no Sentinels to log in to: set redis.mode=sentinel",
    ),
    (
        {"redis": {"mode": "sentinel", "existingSecret": {"sentinelPasswordKey": "s"}}},
        "Say which Secret the key s is in: set redis.existingSecret.name.",
    ),
    (
        {"database": {"host": ""}},
        "Roost needs PostgreSQL: set database.host, database.url or database.existingSecret",
    ),
    ({"database": {"url": "postgresql://h/d"}}, "There are several ways to PostgreSQL: set only one of "),
    (
        {"database": {"existingSecret": {"passwordKey": "password"}}},
        "Say which Secret the key password is in: set database.existingSecret.name.",
    ),
    (
        {"tls": {"existingSecret": ""}},
        "Clients need TLS: set tls.existingSecret or tls.certManager.enabled=true, ",
    ),
    ({"tls": {"selfSigned": True}}, "There are several certificates: set only one of "),
    (
        {"tls": {"existingSecret": "", "certManager": {"enabled": True}}},
        "Say who issues the certificate: set tls.certManager.issuerRef.name.",
    ),
    (
        {"roles": {"presence": {"autoscaling": {"enabled": True, "cpuPercent": 0}}}},
        "Nothing tells how to scale presence: set streamsPerPod or cpuPercent of its autoscaling.",
    ),
    (
        {"roleDefaults": {"autoscaling": {"enabled": True, "minReplicas": 20}}},
        "The autoscaling of connection-manager has a minReplicas above its maxReplicas.",
    ),
]


@pytest.mark.parametrize(("above", "told"), NONSENSE)
def test_the_schema_refuses_nonsense(render, above, told):
    with pytest.raises(Refused) as refused:
        render(merged(EXTERNAL, above))
    assert "don't meet the specifications of the schema" in str(refused.value)
    assert told in str(refused.value)


@pytest.mark.parametrize(("above", "told"), MISFITS)
def test_what_does_not_go_together_is_one_sentence(render, above, told):
    with pytest.raises(Refused) as refused:
        render(merged(EXTERNAL, above))
    assert told in str(refused.value)


def test_a_job_is_not_sent_for_a_database_that_is_not_there_yet(render):
    with pytest.raises(Refused, match="A Job before the installation cannot reach the built-in PostgreSQL"):
        render(merged(TRIAL, {"migration": {"mode": "hook"}}))


def test_nothing_at_all_is_refused(render):
    with pytest.raises(Refused, match="Set domain to your XMPP domain"):
        render({})
