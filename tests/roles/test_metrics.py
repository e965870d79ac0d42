from pathlib import Path

from roost.roles import metrics as role
from roost.runtime.metrics import CONNECTION_MANAGER, PRESENCE, Metrics

ROOT = Path(__file__).parents[2]


def test_the_page_in_docs_is_fresh():
    fresh = "run: roost metrics --reference > docs/metrics.md"
    assert (ROOT / "docs" / "metrics.md").read_text() == role.reference(), fresh


def test_every_metric_is_in_the_reference():
    page = role.reference()
    for name in (CONNECTION_MANAGER, PRESENCE):
        for family in Metrics(name).registry.collect():
            if family.name.startswith("roost_"):
                full_name = family.name + "_total" * (family.type == "counter")
                assert f"| `{full_name}` | {family.type} |" in page
            else:
                assert family.name.startswith(("process_", "python_"))


def test_the_command_prints_the_reference(command):
    shown = command("metrics", "--reference")
    assert (shown.returncode, shown.stdout) == (0, role.reference())


def test_a_process_is_asked_for_its_metrics(up, command):
    running = up()
    port = running.ready()["connection_managers"][0]["metrics_port"]
    shown = command("metrics", "--metrics-port", str(port))
    assert shown.returncode == 0, shown.stderr
    assert "roost_build_info{" in shown.stdout


def test_nobody_there_is_one_sentence(command):
    shown = command("metrics", "--metrics-port", "1")
    assert shown.returncode == 1
    assert shown.stderr.startswith("roost: no metrics here: ")
    assert shown.stderr.count("\n") == 1
