"""The balancer's configuration, by HAProxy itself and against docker-compose.yml."""

import re
import subprocess
from pathlib import Path

import yaml

from roost.runtime.config import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy/haproxy/haproxy.cfg"
TEXT = FILE.read_text()
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_haproxy_takes_it():
    told = subprocess.run(["haproxy", "-c", "-f", FILE], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert "[WARNING]" not in told.stderr


def test_each_port_goes_to_the_same_port_of_all_connection_managers():
    published = {port.rpartition(":")[2] for port in SERVICES["haproxy"]["ports"]}
    assert published == set(
        re.findall(r"server-template \S+ \d+ connection-manager:(\d+)$", TEXT, re.MULTILINE)
    )
    assert published <= set(re.findall(r"bind :(\d+)$", TEXT, re.MULTILINE))
    assert published == {
        str(Settings.model_fields[f"{way}_port"].default) for way in ("starttls", "direct_tls")
    }


def test_who_is_not_ready_gets_no_new_streams():
    backends = re.findall(r"^backend .*?(?=^\S)", TEXT, re.MULTILINE | re.DOTALL)
    assert len(backends) == 2
    for backend in backends:
        assert "option httpchk GET /ready\n" in backend
        assert f"check port {Settings.model_fields['metrics_port'].default} " in backend


def test_a_silent_client_is_asked_before_its_stream_is_cut():
    hours = int(re.search(r"timeout client (\d+)h$", TEXT, re.MULTILINE)[1])
    assert hours * 3600 > Settings.model_fields["idle_seconds"].default * 1.5


def test_connection_managers_learn_the_clients_addresses():
    assert SERVICES["connection-manager"]["environment"]["ROOST_PROXY_PROTOCOL"] == "required"
    assert len(re.findall(r"^    default-server .* send-proxy-v2$", TEXT, re.MULTILINE)) == 2
