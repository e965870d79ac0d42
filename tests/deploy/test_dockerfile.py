"""What deploy/Dockerfile promises, as far as it can be told without Docker; deploy/try-image.sh builds it."""

import re
from pathlib import Path

import pytest
import yaml

from roost import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/Dockerfile").read_text()
STEPS = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()


def stage(name):
    """The steps of the stage of that name."""
    begin = next(at for at, step in enumerate(STEPS) if step.endswith(f" AS {name}"))
    for step in STEPS[begin + 1 :]:
        if step.startswith("FROM "):
            return
        yield step


def test_the_base_has_an_exact_tag_and_the_python_of_the_tests():
    [base] = [step.removeprefix("ARG BASE=") for step in STEPS if step.startswith("ARG BASE=")]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)
    assert {step.split()[1] for step in STEPS if step.startswith("FROM ")} == {
        "${BASE}",
        "builder",
        "slim",
    }


def test_all_that_is_installed_has_a_hash_of_the_lock_and_nothing_is_compiled():
    fetching = [
        words
        for step in STEPS
        for words in step.split("&&")
        if re.search(r"pip .*(install|download|wheel) ", words)
    ]
    assert len(fetching) == 6
    for words in fetching:
        assert "--no-index" in words or {"--require-hashes", "--only-binary :all:"} <= {
            option for option in ("--require-hashes", "--only-binary :all:") if option in words
        }
    assert "apt" not in TEXT


@pytest.mark.parametrize("name", ["roost", "loadtest"])
def test_the_result_is_made_of_the_slim_base_and_the_packages_alone(name):
    steps = list(stage(name))
    assert not [step for step in steps if step.startswith(("RUN", "ADD"))]
    assert "USER 10001:10001" in steps
    assert any(step.startswith("ENTRYPOINT [") for step in steps)


def test_the_image_is_one_for_all_roles_and_knows_whether_it_is_well():
    steps = list(stage("roost"))
    assert 'ENTRYPOINT ["roost"]' in steps
    assert any(step.endswith('CMD ["roost", "healthy"]') for step in steps if step.startswith("HEALTHCHECK"))
    assert STEPS[-len(steps) - 1] == "FROM slim AS roost", "the last stage is what a plain build makes"


def test_the_version_is_the_source_s():
    versions = re.findall(r"^ARG VERSION=(.*)$", TEXT, re.MULTILINE)
    assert len(versions) == 4
    assert set(versions) == {__version__}
    assert TEXT.count('org.opencontainers.image.version="${VERSION}"') == 2


def test_the_folders_are_those_that_compose_mounts():
    [made] = [step for step in stage("slim") if "install -d" in step]
    folders = {f"/var/lib/{word}" for word in made.split() if word.startswith("roost/")}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    mounts = [mount for name in ("prepare", "loadtest") for mount in services[name]["volumes"]]
    assert folders == {mount.split(":")[1] for mount in mounts if not mount.startswith("./")}


def test_only_what_the_image_is_made_of_is_sent_to_the_engine():
    assert IGNORED[1] == "*"
    copied = {
        word
        for step in STEPS
        if step.startswith("COPY ") and "--from" not in step
        for word in step.split()[1:-1]
    }
    allowed = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert allowed == {
        "pyproject.toml",
        "README.md",
        "requirements/image.txt",
        "requirements/loadtest.txt",
        "services/roost",
        "loadtest",
    }
    assert copied <= allowed | {"services"}
