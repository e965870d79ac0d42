import json
import time
import urllib.request

import pytest
from loadtest.delivery.ledger import MESSAGE

from free_ports import free_port


@pytest.fixture
def page(locust):
    """Fetches from Locust's web interface, while users chat."""
    port = free_port()
    words = (
        "--web-host",
        "127.0.0.1",
        "--web-port",
        str(port),
        "--autostart",
        "--users",
        "4",
        "--scenario",
        "chat",
    )

    def fetch(path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.read().decode()

    with locust.started(*words, headless=False) as started:
        locust.wait(started, {MESSAGE: 5})
        yield fetch


def test_tables_and_charts_are_in_the_web_interface(page):
    index = page("/")
    assert '"title": "XMPP"' in index
    assert 'href="./xmpp"' in index
    assert "/xmpp/figures" in page("/xmpp")
    figures = json.loads(page("/xmpp/figures"))
    assert figures["lost"] == figures["twice"] == 0
    assert {moment[2] for moment in figures["moments"]} >= {MESSAGE, "login"}
    rows = {row["name"]: row for row in _table(page)}
    assert rows[MESSAGE]["requests"] >= 5
    assert rows[MESSAGE]["p99"] > 0
    assert rows["lost"]["requests"] == 0


def _table(page):
    deadline = time.monotonic() + 10
    while True:
        [found] = json.loads(page("/stats/requests"))["extended_stats"]
        assert found["key"] == "xmpp"
        if any(row["name"] == MESSAGE for row in found["data"]) or time.monotonic() > deadline:
            return found["data"]
        time.sleep(0.2)  # Locust keeps an answer for two seconds
