"""What values make of the settings of a process."""

from __future__ import annotations

import json
import re
from typing import Any

import click
import pytest

from helm.matrix import EXTERNAL, MATRIX, PASSWORDS, merged
from helm.objects import VARIABLES, container, containers, environment, named, of, pod_of, pods, settings
from roost.__main__ import main
from roost.cluster.topology import topology

every = pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX.keys())


@every
def test_every_variable_is_a_setting(render, values):
    for one in render(values):
        assert set(re.findall(r"ROOST_[A-Z_]+", json.dumps(one))) <= VARIABLES


@pytest.mark.parametrize(
    ("which", "redis", "database"),
    [
        (
            "external",
            "redis://:p%40ss%2Fword%20%231%20redis@redis.data",
            "postgresql://roost:p%40ss%2Fword%20%231%20postgresql@db.data:5432/roost",
        ),
        ("URLs", "redis://:p@ss/word#1redis@redis:6380", "postgresql://roost:sesame@db/roost"),
        (
            "passwords in Secrets",
            "redis://roost%20me:r%3Ap@redis:6380",
            "postgresql://roost:d%3Apassword@db:5433/roost",
        ),
        (
            "Sentinels with a CA",
            "rediss+sentinel://s-0,s-1:26380/main?ca=/etc/roost/redis-ca/ca.crt",
            "postgresql://roost@db:5432/roost?sslmode=verify-full&sslrootcert=/etc/roost/database-ca/ca.crt",
        ),
        (
            "Sentinels with a password",
            "rediss+sentinel://:p%40ss%2Fword%20%231%20redis@s-0/mymaster?ca=/etc/roost/redis-ca/ca.crt"
            "&sentinel_username=sen+tinel&sentinel_password=p%40ss%2Fword%20%231%20postgresql",
            "postgresql://roost@db:5432/roost",
        ),
        (
            "Sentinels with a password in a Secret",
            "redis+sentinel://:r%3Ap@s-0/mymaster?sentinel_password=r%3As",
            "postgresql://roost@db:5432/roost",
        ),
        (
            "a Redis Cluster",
            "redis+cluster://r-0:7000,r-1:7000",
            "postgresql://roost@db:5432/roost?sslmode=require",
        ),
        (
            "trial that keeps nothing",
            "redis://:open@chat-roost-valkey:6379",
            "postgresql://roost:open@chat-roost-postgresql:5432/roost",
        ),
    ],
)
def test_the_engines_are_reached_with_any_password(monkeypatch, render, which, redis, database):
    objects = render(MATRIX[which])
    for role in ("connection-manager", "presence"):
        found = settings(monkeypatch, objects, container(objects, role))
        assert (found.redis_url, found.database_url) == (redis, database)


def test_a_url_in_a_secret_is_left_to_it(render):
    objects = render(MATRIX["URLs in Secrets"])
    found = environment(objects, container(objects))
    assert (found["ROOST_REDIS_URL"], found["ROOST_DATABASE_URL"]) == ("engines:redis", "db-app:uri")
    assert not of(objects, "Secret")


def test_users_and_passwords_reach_redis_as_they_are(monkeypatch, render):
    objects = render(MATRIX["external"])
    found = settings(monkeypatch, objects, container(objects))
    assert topology(found.redis_url, 1).access.password == PASSWORDS[0]


def test_values_are_settings_whatever_their_kind(monkeypatch, render):
    chosen = {
        "max_stanza_bytes": 16_777_216,
        "shard_entries": 10_000_000,
        "queue_trim_seconds": 0.05,
        "registration": "open",
        "drain_seconds": 45,
    }
    objects = render(merged(EXTERNAL, {"settings": chosen}))
    found = settings(monkeypatch, objects, container(objects))
    assert {name: getattr(found, name) for name in chosen} == chosen


def test_what_the_chart_decides(monkeypatch, render):
    objects = render(MATRIX["node ports"])
    found = settings(monkeypatch, objects, container(objects))
    assert (found.domain, found.tls, found.metrics_port) == ("example.net", "required", 9090)
    assert (found.starttls_port, found.direct_tls_port) == (5222, 0)
    assert (str(found.certificate_file), str(found.key_file)) == (
        "/etc/roost/tls/tls.crt",
        "/etc/roost/tls/tls.key",
    )


def test_without_a_certificate_there_are_no_files(monkeypatch, render):
    objects = render(MATRIX["TLS ends in front"])
    found = settings(monkeypatch, objects, container(objects))
    assert (found.tls, found.certificate_file) == ("optional", None)


def test_a_role_has_settings_of_its_own(monkeypatch, render):
    objects = render(MATRIX["everything of one's own"])
    assert settings(monkeypatch, objects, container(objects)).drain_seconds == 90
    assert settings(monkeypatch, objects, container(objects, "presence")).drain_seconds == 30


@every
def test_what_runs_is_a_command_that_takes_these_words(render, values):
    if "rooms" in values.get("roles", {}):
        return  # not a role yet
    for _workload, pod in pods(render(values)):
        for one in containers(pod):
            if "/roost" in f"/{one['image']}" and "loadtest" not in one["image"]:
                name, *words = map(str, one["args"])
                command = main.commands[name]
                assert isinstance(command, click.Command)
                command.make_context(name, list(words))


def checksums(objects: list[dict[str, Any]], role: str = "connection-manager") -> dict[str, str]:
    pod = pod_of(named(objects, "Deployment", f"chat-roost-{role}"))
    assert pod is not None
    annotations = pod["metadata"]["annotations"]
    return {name: value for name, value in annotations.items() if name.startswith("checksum/")}


@pytest.mark.parametrize(
    "change",
    [{"settings": {"log_level": "debug"}}, {"redis": {"password": "other"}}, {"domain": "example.org"}],
)
def test_a_changed_setting_or_secret_replaces_pods(render, change):
    assert checksums(render(EXTERNAL)) != checksums(render(merged(EXTERNAL, change)))


@pytest.mark.parametrize(
    "change",
    [{"commonLabels": {}}, {"roles": {"presence": {"replicas": 5}}}, {"smokeTest": {"enabled": False}}],
)
def test_nothing_else_does(render, change):
    before, after = render(EXTERNAL), render(merged(EXTERNAL, change))
    name = "chat-roost-connection-manager"
    assert named(before, "Deployment", name) == named(after, "Deployment", name)
