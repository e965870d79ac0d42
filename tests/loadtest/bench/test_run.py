import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest
from loadtest.bench.client import Target
from loadtest.bench.run import QUICK, Results
from loadtest.bench.servers import Kind

from loadtest.bench import run


@pytest.fixture
def stand_ins(monkeypatch):
    """Servers and loads that only note what is asked of them."""
    noted = []

    async def load(target, _pids, **options):
        noted.append(("load", target.domain, options.get("name", "work")))
        return {"chat µs": 1.0}

    async def register(_target, _count, _work):
        return []

    for name in ("chat", "paced", "presence", "idle", "among"):
        monkeypatch.setattr(run.scenarios, name, load)
    monkeypatch.setattr(run, "many", register)
    monkeypatch.setattr(run, "settled", lambda _server: None)

    def kind(name):
        def start():
            noted.append(("start", name))
            target = Target(name, [1])
            stop = SimpleNamespace(stop=lambda: noted.append(("stop", name)))
            return SimpleNamespace(name=name, version="1", plain=target, tls=target, pids=[], stop=stop.stop)

        return Kind(name, start)

    monkeypatch.setattr(run, "roost", lambda pods=2: kind("Roost"))
    return kind, noted


def test_servers_take_turns_and_all_are_stopped(stand_ins):
    kind, noted = stand_ins
    results = asyncio.run(run.run([kind("Roost"), kind("other")], QUICK, lambda _line: None))
    work = [each[1] for each in noted if each[0] == "load" and each[2] == "work"]
    assert work[:6] == ["Roost", "other"] * 3
    assert [each for each in noted if each == ("load", "other", "idle TLS")]
    for name in ("Roost", "other"):
        assert noted.count(("start", name)) == noted.count(("stop", name)) > 0
    assert results.versions == {"Roost": "1", "other": "1"}


def test_a_load_that_fails_stops_the_servers(stand_ins, monkeypatch):
    kind, noted = stand_ins

    async def broken(*_words, **_options):
        raise ConnectionError

    monkeypatch.setattr(run.scenarios, "chat", broken)
    with pytest.raises(ConnectionError):
        asyncio.run(run.run([kind("Roost")], QUICK, lambda _line: None))
    assert noted == [("start", "Roost"), ("stop", "Roost")]


def test_the_median_counts():
    results = Results()
    for value in (1.0, 9.0, 2.0):
        results.add("Roost", {"chat µs": value})
    assert results.middle("Roost", "chat µs") == 2.0
    assert results.middle("Roost", "calm µs") is None
    assert results.middle("other", "chat µs") is None


def test_peers_configurations_are_there():
    folder = Path(run.__file__).parent / "peers"
    for file in ("ejabberd.yml", "prosody.cfg.lua"):
        assert "$port" in (folder / file).read_text()
