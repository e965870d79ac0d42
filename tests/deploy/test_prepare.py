"""What deploy/compose/prepare.sh makes for the services of docker-compose.yml."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cryptography import x509

from roost.runtime.config import load

ROOT = Path(__file__).parents[2]
FOLDERS = ("secrets", "settings", "tls", "authority", "valkey", "postgresql", "grafana")


@pytest.fixture
def prepare(tmp_path):
    """Runs it on a folder of volumes; each file's content and what others may do with it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "roost").write_text(f'#!/bin/sh\nexec {sys.executable} -m roost "$@"\n')
    (programs / "roost").chmod(0o755)
    volumes = tmp_path / "volumes"
    for name in FOLDERS:
        (volumes / name).mkdir(parents=True, mode=0o700)

    def run(domain="montague.example"):
        environment = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "services"),
            "ROOST_DOMAIN": domain,
        }
        script = ROOT / "deploy/compose/prepare.sh"
        subprocess.run(["sh", script, volumes], env=environment, check=True, timeout=60, capture_output=True)
        files = [each for each in volumes.rglob("*") if each.is_file()]
        return {
            str(each.relative_to(volumes)): (each.read_text(), each.stat().st_mode & 0o777) for each in files
        }

    return run


def test_each_service_gets_what_is_its_own(prepare):
    made = prepare()
    settings = tomllib.loads(made["settings/roost.toml"][0])
    valkey = made["valkey/valkey.conf"][0].split()
    assert valkey[0] == "requirepass"
    assert settings["redis_url"] == f"redis://:{valkey[1]}@valkey:6379"
    password = made["postgresql/password"][0].strip()
    assert settings["database_url"] == f"postgresql://roost:{password}@postgresql:5432/roost"
    load(settings)
    passwords = {valkey[1], password, made["grafana/password"][0].strip()}
    assert len(passwords) == 3
    assert min(map(len, passwords)) >= 43


def test_what_only_roost_reads_is_for_roost_alone(prepare):
    made = prepare()
    private = {name for name, (_, mode) in made.items() if not mode & 0o077}
    assert private >= {"settings/roost.toml", "tls/key.pem", "secrets/tls/ca-key.pem", "secrets/valkey"}
    assert all(
        mode & 0o044 == 0o044
        for name, (_, mode) in made.items()
        if name.startswith(("valkey", "postgresql", "grafana", "authority"))
    )


def test_the_certificate_is_of_the_domain_and_the_authority(prepare):
    made = prepare()
    certificate = x509.load_pem_x509_certificate(made["tls/certificate.pem"][0].encode())
    authority = x509.load_pem_x509_certificate(made["authority/ca.pem"][0].encode())
    certificate.verify_directly_issued_by(authority)
    assert "montague.example" in str(certificate.extensions)


def test_a_second_start_changes_nothing(prepare):
    assert prepare() == prepare()


def test_another_domain_gets_another_certificate_of_the_same_authority(prepare):
    before, after = prepare(), prepare("capulet.example")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {
        f"{folder}/{name}.pem" for folder in ("tls", "secrets/tls") for name in ("certificate", "key")
    }
