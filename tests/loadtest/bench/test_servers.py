import sys
from pathlib import Path

import pytest
from loadtest.bench.costs import family

from loadtest.bench import servers


def test_roost_runs_with_ports_of_each_pod_and_leaves_nothing():
    server = servers.roost(pods=1).start()
    processes = family(server.pids)
    try:
        assert len(server.plain.ports) == len(server.tls.ports) == 1
        assert len(processes) >= 5
    finally:
        server.stop()
    assert not server.folder.exists()
    assert not [pid for pid in processes if Path(f"/proc/{pid}").exists()]


def test_a_server_that_does_not_start_says_why(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    process = servers.popen(folder, [sys.executable, "-c", "raise SystemExit('no such key: port')"], {})
    with pytest.raises(RuntimeError, match="no such key: port"):
        servers.until_ready(process, folder, lambda: False)
    assert not folder.exists()


def test_only_installed_peers_are_measured(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda program: program == "prosody" or None)
    assert [kind.name for kind in servers.peers()] == ["Prosody"]
