"""What docker-compose.yml promises, as far as it can be told without Docker; deploy/try-image.sh runs it."""

import re
from pathlib import Path

import pytest
import yaml

from roost import __version__
from roost.runtime.config import FILE_VARIABLE, Settings, load

ROOT = Path(__file__).parents[2]
FILE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = FILE["services"]
ONCE = {"prepare", "migration"}
SCALED = {"connection-manager", "presence"}
OURS = {name for name, service in SERVICES.items() if service["image"].startswith("roost:")}
PUBLISHED = {"haproxy", "grafana", "loadtest"}
KEPT = {"valkey-data", "postgresql-data", "prometheus-data", "grafana-data", "loadtest-results"}
each_service = pytest.mark.parametrize("name", SERVICES)


def mounts(name):
    """(source, place, whether it may be written) of each volume of a service."""
    for text in SERVICES[name].get("volumes", ()):
        source, place, *mode = re.sub(r"\$\{\w+:-([^}]*)}", r"\1", text).split(":")
        yield source, place, mode != ["ro"]


def seconds(text):
    return int(text.removesuffix("s"))


@each_service
def test_a_service_is_hardened_and_bounded(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert not service.get("privileged")
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]


@each_service
def test_an_image_is_named_exactly(name):
    tag = SERVICES[name]["image"].partition(":")[2]
    assert re.match(r"v?\d+\.\d+", tag), "a tag that moves is another image tomorrow"


@pytest.mark.parametrize("name", sorted(OURS | {"loadtest"}))
def test_our_images_have_our_version(name):
    assert SERVICES[name]["image"].endswith(f":{__version__}")
    assert SERVICES[name]["build"]["dockerfile"] == "deploy/Dockerfile"


@each_service
def test_a_service_can_be_scaled_and_started_twice_on_one_machine(name):
    assert "container_name" not in SERVICES[name]
    assert "hostname" not in SERVICES[name]
    if name in SCALED:
        assert SERVICES[name]["deploy"]["replicas"] == 2
        assert "ports" not in SERVICES[name]


@each_service
def test_what_serves_is_looked_after(name):
    service = SERVICES[name]
    if name in ONCE:
        assert service["restart"] == "no"
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == ("no" if name == "loadtest" else "unless-stopped")
        assert service["healthcheck"]["test"]


@each_service
def test_what_a_service_waits_for_comes(name):
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert (
            how["condition"]
            == {
                True: "service_completed_successfully",
                False: "service_started"
                if (name, other) == ("connection-manager", "haproxy")
                else "service_healthy",
            }[other in ONCE]
        )


@each_service
def test_only_what_must_be_reached_can_be(name):
    service = SERVICES[name]
    assert bool(service.get("ports")) is (name in PUBLISHED)
    for port in service.get("ports", ()):
        assert port.startswith(("127.0.0.1:", "${LISTEN_ADDRESS:-127.0.0.1}:"))
    networks = service.get("networks", ())
    assert networks or service["network_mode"] == "none"
    assert ("outside" in networks) is (name in PUBLISHED)
    for network in networks:
        assert (FILE["networks"][network] or {}).get("internal", False) is (network != "outside")


def test_clients_reach_connection_managers_and_nothing_behind_them():
    within = {
        network: {name for name in SERVICES if network in SERVICES[name].get("networks", ())}
        for network in FILE["networks"]
    }
    assert within["streams"] == {"haproxy", "connection-manager"}
    assert within["data"] == {"valkey", "postgresql", "migration", "connection-manager", "presence"}
    assert within["watch"] == {"connection-manager", "presence", "haproxy", "prometheus", "grafana"}


@each_service
def test_no_password_is_in_the_file_or_the_environment(name):
    for variable, value in SERVICES[name].get("environment", {}).items():
        assert "PASSWORD" not in variable or (variable.endswith("_FILE") and value.startswith("/run/roost/"))
        assert "://:" not in value
        assert "@" not in value
    assert not any("pass" in word for word in SERVICES[name].get("command", ()))


@each_service
def test_a_service_writes_only_what_it_keeps(name):
    for source, _, writable in mounts(name):
        assert writable is (source in KEPT or (name == "prepare" and source in FILE["volumes"]))


def test_each_secret_goes_to_whom_it_belongs():
    users = {
        volume: {name for name in SERVICES for source, *_ in mounts(name) if source == volume}
        for volume in FILE["volumes"]
    }
    assert users.pop("secrets") == {"prepare"}
    assert users.pop("tls") == {"prepare", "connection-manager"}
    assert users.pop("settings") == {"prepare", "migration", "connection-manager", "presence"}
    assert users.pop("authority") == {"prepare", "connection-manager", "loadtest"}
    for owner in ("valkey", "postgresql", "grafana"):
        assert users.pop(owner) == {"prepare", owner}
    assert {volume: len(names) for volume, names in users.items()} == dict.fromkeys(KEPT, 1)


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_variable_is_a_setting(name):
    environment = dict(SERVICES[name].get("environment", {}))
    environment.pop(FILE_VARIABLE, None)
    values = {}
    for variable, value in environment.items():
        setting = variable.removeprefix("ROOST_").lower()
        assert variable == f"ROOST_{setting.upper()}"
        assert setting in Settings.model_fields
        values[setting] = re.sub(r"\$\{\w+:-([^}]*)}", r"\1", value)
        if value.startswith("${"):
            assert value.startswith(f"${{{variable}:-"), "what the user sets has the setting's name"
    load(values)


@pytest.mark.parametrize("name", sorted(SCALED))
def test_a_stop_waits_for_the_drain(name):
    drain = int(SERVICES[name]["environment"]["ROOST_DRAIN_SECONDS"])
    assert seconds(SERVICES[name]["stop_grace_period"]) >= drain + 15


def test_the_head_of_the_file_tells_every_variable():
    text = (ROOT / "docker-compose.yml").read_text()
    head, _, rest = text.partition("x-hardened:")
    for variable in set(re.findall(r"\$\{(\w+)", rest)):
        assert variable in head, variable


def test_prometheus_reads_the_services_by_their_names():
    jobs = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    found = {job["job_name"]: job for job in jobs}
    assert set(found) == {"roost", "haproxy", "prometheus"}
    [where] = found["roost"]["dns_sd_configs"]
    assert set(where["names"]) == SCALED
    assert where["port"] == Settings.model_fields["metrics_port"].default


def test_prometheus_finds_the_alerts_of_the_chart():
    [rules] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["rule_files"]
    places = {source: place for source, place, _ in mounts("prometheus")}
    assert places["./helm/roost/files/alerts.yml"] == rules


def test_grafana_and_prometheus_agree_on_how_often_is_looked():
    prometheus = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    [source] = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    assert source["jsonData"]["timeInterval"] == prometheus["global"]["scrape_interval"]
    assert source["url"] == "http://prometheus:9090"


def test_grafana_finds_its_dashboards_where_they_are_provisioned():
    [provider] = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/roost.yml").read_text())[
        "providers"
    ]
    places = {source: place for source, place, _ in mounts("grafana")}
    assert places["./helm/roost/files/dashboards"] == provider["options"]["path"]
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == Path(provider["options"]["path"])
    assert (ROOT / "helm/roost/files/dashboards" / home.name).exists()


@each_service
def test_what_is_mounted_from_here_is_here(name):
    for source, *_ in mounts(name):
        assert source in FILE["volumes"] or (ROOT / source).exists()
