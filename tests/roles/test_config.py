from pathlib import Path

from roost.roles import config as role
from roost.runtime.config import Settings

ROOT = Path(__file__).parents[2]


def test_the_page_in_docs_is_fresh():
    fresh = "run: roost config --reference > docs/configuration.md"
    assert (ROOT / "docs" / "configuration.md").read_text() == role.reference(), fresh


def test_every_setting_is_in_the_reference():
    page = role.reference()
    for name in Settings.model_fields:
        assert f"| `{name}` | `ROOST_{name.upper()}` |" in page


def test_the_effective_values_are_shown_without_secrets(command):
    shown = command("config", "--max-depth", "60", ROOST_REDIS_URL="redis://:sesame@host")
    assert shown.returncode == 0
    assert "max_depth = 60\n" in shown.stdout
    assert "redis_url = redis://:********@host\n" in shown.stdout


def test_mistakes_are_all_told_and_nothing_runs(command):
    told = command("config", "--tls", "never", ROOST_STARTTLS_PORT="x")
    assert told.returncode == 2
    assert "roost: --tls: should be 'required' or 'optional', not 'never'" in told.stderr
    assert "roost: ROOST_STARTTLS_PORT: " in told.stderr
    assert told.stdout == ""


def test_there_is_no_option_for_a_secret(command):
    assert "--redis-url" not in command("connection-manager", "--help").stdout


def test_the_version(command):
    assert command("--version").stdout.startswith("roost, version ")
