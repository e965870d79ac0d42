"""Whether traces are made, and what it says when they cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from roost.runtime import tracing
from roost.runtime.config import Settings

SERVICES = Path(__file__).parents[2] / "services"


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(SERVICES), **environment},
    )


def test_without_an_endpoint_nothing_is_loaded():
    assert tracing.tracer(Settings(), "presence", "id") is None
    said = python(
        "import sys; from roost.runtime.config import Settings;"
        "from roost.roles.connection_manager import ConnectionManager; ConnectionManager(Settings());"
        "print([name for name in sys.modules if name in ('roost.runtime.spans', 'opentelemetry.exporter')])"
    )
    assert (said.stdout, said.returncode) == ("[]\n", 0), said.stderr


@pytest.mark.parametrize("role", ["connection-manager", "presence", "up"])
def test_without_the_extra_it_says_so_and_ends(role):
    said = python(
        "import sys; sys.modules['opentelemetry'] = None;"
        f"sys.argv = ['roost', '{role}']; from roost.__main__ import main; main()",
        ROOST_TRACE_ENDPOINT="http://127.0.0.1:4318",
    )
    assert said.returncode == 2
    assert said.stderr.startswith("roost: trace_endpoint is set, and what makes traces is not installed")
    assert "roost-xmpp[tracing]" in said.stderr
    assert said.stderr.count("\n") == 1


def test_an_endpoint_is_a_url():
    with pytest.raises(ValueError, match="should be a URL"):
        Settings(trace_endpoint="collector:4318")
