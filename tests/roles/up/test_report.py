import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from roost.roles.up import report as subject
from roost.roles.up.certificates import Certificates
from roost.roles.up.folder import Folder
from roost.roles.up.plan import CONNECTION_MANAGER, PRESENCE, Pod
from roost.runtime.config import Settings

SETTINGS = Settings(
    domain="montague.example",
    redis_url="redis://:sesame@127.0.0.1:1",
    database_url="postgresql://roost:sesame@127.0.0.1:2/roost",
    certificate_file=Path("certificate.pem"),
    key_file=Path("key.pem"),
    registration="open",
    own_starttls_port=5301,
    own_direct_tls_port=5302,
    pod_name="connection-manager-1",
)


def child(pid: int):
    return SimpleNamespace(pid=pid, command=SimpleNamespace(log=Path("some.log")))


@pytest.fixture
def running(tmp_path):
    presence = Settings(pod_name="presence-1", metrics_port=9091)
    return subject.Running(
        settings=SETTINGS,
        folder=Folder(tmp_path, -1),
        certificates=Certificates(Path("/ca.pem"), Path("c"), Path("k"), datetime(2027, 5, 1, tzinfo=UTC)),
        valkey=child(1),
        valkey_port=1,
        postgresql=child(2),
        postgresql_port=2,
        pods=[
            (Pod(CONNECTION_MANAGER, "connection manager 1", SETTINGS), child(3)),
            (Pod(PRESENCE, "presence", presence), child(4)),
        ],
    )


def test_people_are_told_where_everything_is(running):
    told = subject.summary(running)
    assert "Roost serves the domain montague.example:" in told
    assert "port 5222 (STARTTLS) and port 5223 (direct TLS)" in told
    assert "alone on port 5301 (STARTTLS) and port 5302 (direct TLS)" in told
    assert "/ca.pem (the certificate is valid until 2027-05-01)" in told
    assert "romeo@montague.example, or in a client" in told
    assert "sesame" not in told


def test_programs_are_told_every_process_and_port_and_no_secret(running, tmp_path):
    subject.describe(running, tmp_path / "describe.json")
    text = (tmp_path / "describe.json").read_text()
    facts = json.loads(text)
    [manager] = facts["connection_managers"]
    assert (manager["pid"], manager["starttls_port"], manager["direct_tls_port"]) == (3, 5301, 5302)
    assert facts["presence"][0]["pid"] == 4
    assert (facts["valkey"]["pid"], facts["postgresql"]["pid"]) == (1, 2)
    assert "sesame" not in text


def test_the_settings_file_is_private_and_reads_back(running, tmp_path):
    subject.write_settings(running.folder, SETTINGS)
    file = tmp_path / "roost.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    values = tomllib.loads(file.read_text())
    assert Settings(**values).redis_url == SETTINGS.redis_url
    assert values["starttls_port"] == SETTINGS.starttls_port
