from pathlib import Path

import pytest

from roost.roles.up import plan as subject
from roost.roles.up.folder import Folder
from roost.roles.up.plan import CONNECTION_MANAGER, PRESENCE, Plan
from roost.runtime.config import Settings

SETTINGS = Settings(
    starttls_port=0,
    direct_tls_port=0,
    metrics_port=19790,
    redis_url="redis://:sesame@h",
    metrics_host="127.0.0.1",
)


def test_each_process_has_ports_of_its_own():
    pods = subject.pods(Plan(SETTINGS, Path("data"), 3), SETTINGS, range(20000, 26000))
    assert [pod.role for pod in pods] == [CONNECTION_MANAGER] * 3 + [PRESENCE]
    assert [pod.settings.metrics_port for pod in pods] == [19790, 19791, 19792, 19793]
    own = [
        port
        for pod in pods[:3]
        for port in (pod.settings.own_starttls_port, pod.settings.own_direct_tls_port)
    ]
    assert len(set(own)) == 6
    assert min(own) >= 26000


def test_own_ports_can_be_chosen():
    pods = subject.pods(Plan(SETTINGS, Path("data"), 2, own_port=19700), SETTINGS)
    own = [(pod.settings.own_starttls_port, pod.settings.own_direct_tls_port) for pod in pods[:2]]
    assert own == [(19700, 19701), (19702, 19703)]


def test_settings_and_secrets_go_by_the_environment_and_others_do_not_leak_in(monkeypatch):
    monkeypatch.setenv("ROOST_CONFIG", "elsewhere.toml")
    monkeypatch.setenv("ROOST_MAX_DEPTH", "99")
    plan = Plan(SETTINGS, Path("data"))
    pod = subject.pods(plan, SETTINGS)[0]
    command = subject.command(plan, pod, Folder(Path("data"), -1))
    assert "sesame" not in " ".join(command.argv)
    assert command.argv[-1] == CONNECTION_MANAGER
    assert command.environment["ROOST_REDIS_URL"] == "redis://:sesame@h"
    assert command.environment["ROOST_MAX_DEPTH"] == "50"
    assert "ROOST_CONFIG" not in command.environment
    assert "PATH" in command.environment


@pytest.mark.parametrize("drain", [0, 30])
def test_a_process_gets_its_time_to_drain(drain):
    settings = SETTINGS.model_copy(update={"drain_seconds": drain})
    plan = Plan(settings, Path("data"))
    command = subject.command(plan, subject.pods(plan, settings)[0], Folder(Path("data"), -1))
    assert command.stop_seconds > drain
