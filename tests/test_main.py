"""The command line's own business; each command has its tests beside its role."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from roost.__main__ import main
from roost.runtime import config
from roost.runtime.config import Settings

SERVICES = Path(__file__).parents[1] / "services"
COMMANDS = [
    "up",
    "connection-manager",
    "presence",
    "migrate",
    "healthy",
    "certificate",
    "user",
    "config",
    "metrics",
    "status",
    "log-level",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    told = CliRunner().invoke(main, [command, "--help"])
    assert told.exit_code == 0
    assert told.output.startswith("Usage: ")


def test_a_role_alone_has_an_option_for_every_setting_that_is_no_secret():
    told = CliRunner().invoke(main, ["connection-manager", "--help"], terminal_width=300).output
    for name in Settings.model_fields:
        assert (f"--{name.replace('_', '-')} " in told) is (name not in config.SECRET), name


@pytest.mark.parametrize("command", ["up", "connection-manager", "presence", "migrate", "config"])
def test_every_mistake_in_the_settings_is_told_before_anything_runs(command, monkeypatch):
    monkeypatch.setenv("ROOST_MAX_DEPTH", "deep")
    monkeypatch.setenv("ROOST_TLS", "perhaps")
    told = CliRunner().invoke(main, [command])
    assert told.exit_code == 2
    assert "ROOST_MAX_DEPTH" in told.output
    assert "ROOST_TLS" in told.output


def test_a_password_is_asked_for_twice_and_not_shown(monkeypatch):
    monkeypatch.setenv("ROOST_DATABASE_URL", "postgresql://127.0.0.1:1/roost")
    told = CliRunner().invoke(main, ["user", "add", "romeo"], input="sesame\nsesam\nsesame\nsesame\n")
    assert told.output.count("Password: ") == 2
    assert "do not match" in told.output
    assert "sesame" not in told.output


def test_a_command_for_accounts_does_not_load_the_roles():
    code = "import sys; from roost.__main__ import main; print([m for m in sys.modules if 'roost.' in m])"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(SERVICES)},
    ).stdout
    assert "roost.runtime.config" in loaded
    assert "roost.net" not in loaded
    assert "roost.cluster" not in loaded


@pytest.mark.parametrize("words", [["healthy"], ["--help"]], ids=" ".join)
def test_what_is_asked_every_few_seconds_loads_nothing_that_it_does_not_need(words):
    """An orchestrator runs `roost healthy` on each container: what it loads costs CPU each time."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "roost", *words],
        capture_output=True,
        text=True,
        check=False,  # nobody is there to say that all is well
        env={"PYTHONPATH": str(SERVICES), "ROOST_METRICS_PORT": "1"},
    ).stderr
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in told.splitlines() if "|" in line}
    assert "pydantic" in loaded
    assert not loaded & {"asyncpg", "asyncio", "cryptography", "lxml", "redis", "rich", "structlog", "uvloop"}
