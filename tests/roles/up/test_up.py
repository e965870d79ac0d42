"""`roost up` as a person or a service manager meets it: real engines, stand-ins for the roles."""

import asyncio
import json
import os
import re
import select
import signal
import socket
import time
from pathlib import Path

import asyncpg
import pytest
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

DEADLINE = 40  # seconds


def pids(facts: dict) -> list[int]:
    pods = [pod["pid"] for pod in facts["connection_managers"] + facts["presence"]]
    return [facts["valkey"]["pid"], facts["postgresql"]["pid"], *pods]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def eventually(what, *args):
    deadline = time.monotonic() + DEADLINE
    while not (found := what(*args)):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.02)
    return found


def all_gone(processes: list[int]) -> bool:
    return not any(map(is_alive, processes))


def settings_of(facts: dict) -> dict:
    import tomllib

    return tomllib.loads(Path(facts["settings_file"]).read_text())


async def query(facts: dict, *statements: str):
    connection = await asyncpg.connect(settings_of(facts)["database_url"])
    try:
        return [await connection.fetch(each) for each in statements][-1]
    finally:
        await connection.close()


def fails(failed) -> str:
    """Asserts that it ended with one clear sentence, and leaves nothing; the sentence."""
    assert failed.wait() == 1
    assert "Traceback" not in failed.text
    assert not failed.describe.exists()
    said = [
        line
        for line in failed.text.splitlines()
        if not line.startswith(("Starting", "Stopping", "The database is up to date"))
    ]
    assert len(said) == 1, failed.text
    assert not processes_naming(failed.data)
    return said[0]


def processes_naming(folder: Path) -> list[str]:
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = each.read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if str(folder) in line and is_alive(int(each.parent.name)):
            found.append(line)
    return found


def test_it_starts_says_what_runs_and_stops_in_order(up):
    running = up()
    facts = running.ready()
    assert all(map(is_alive, pids(facts)))
    assert len(facts["connection_managers"]) == 2
    assert "alone on port" in running.text
    assert facts["ca_file"] in running.text
    assert "user add --config" in running.text

    assert running.end() == 0
    assert all_gone(pids(facts))
    assert not running.describe.exists()
    stopped = re.findall(r"^Stopping (.*)\.$", running.text, re.MULTILINE)
    assert stopped == ["connection manager 1", "connection manager 2", "presence", "PostgreSQL", "Valkey"]
    assert "connection-manager ends" in (running.data / "logs" / "connection-manager-1.log").read_text()
    assert "database system is shut down" in (running.data / "logs" / "postgresql.log").read_text()


def test_a_second_one_on_the_same_folder_says_so_and_leaves_the_first_alone(up):
    first = up()
    facts = first.ready()
    assert re.search(rf"already running on {first.data} \(process {first.process.pid}\)", said_by_second(up))
    assert all(map(is_alive, pids(facts)))


def said_by_second(up) -> str:
    second = up()
    assert second.wait() == 1
    return second.text


def test_a_second_start_finds_what_the_first_kept(up):
    first = up()
    facts = first.ready()
    asyncio.run(query(facts, "CREATE TABLE kept (n int)", "INSERT INTO kept VALUES (7)"))
    Redis.from_url(settings_of(facts)["redis_url"]).set("kept", "7")
    authority = Path(facts["ca_file"]).read_bytes()
    assert first.end(signal.SIGINT) == 0

    facts = up().ready()
    assert asyncio.run(query(facts, "SELECT n FROM kept"))[0]["n"] == 7
    assert Redis.from_url(settings_of(facts)["redis_url"]).get("kept") == b"7"
    assert Path(facts["ca_file"]).read_bytes() == authority


def test_what_dies_is_started_again_and_named(up):
    running = up()
    facts = running.ready()
    victims = {
        "presence": facts["presence"][0]["pid"],
        "Valkey": facts["valkey"]["pid"],
        "PostgreSQL": facts["postgresql"]["pid"],
    }
    for pid in victims.values():
        os.kill(pid, signal.SIGKILL)
    for name in victims:
        running.until(rf"(?i){name} was killed by SIGKILL; it starts again in 0.5 s\.")
        running.until(rf"(?i){name} is back")
    later = running.facts()
    assert later["presence"][0]["pid"] != victims["presence"]
    assert all(map(is_alive, pids(later)))
    assert asyncio.run(query(later, "SELECT 1 AS n"))[0]["n"] == 1
    assert running.end() == 0
    assert all_gone(pids(later))


def test_when_it_is_killed_its_children_end_and_the_next_start_works_at_once(up):
    first = up()
    facts = first.ready()
    first.process.kill()
    first.process.wait()
    second = up()
    assert second.ready()
    assert all_gone(pids(facts))


def test_no_secret_is_in_an_argument_in_the_output_or_in_the_description(up):
    running = up()
    facts = running.ready()
    secrets = json.loads((running.data / "secrets.json").read_text()).values()
    seen = running.text + running.describe.read_text()
    for pid in [running.process.pid, *pids(facts)]:
        seen += Path(f"/proc/{pid}/cmdline").read_text()
    for log in (running.data / "logs").iterdir():
        seen += log.read_text()
    assert not any(secret in seen for secret in secrets)
    for name in ("secrets.json", "roost.toml", "tls/key.pem", "tls/ca-key.pem", "valkey/valkey.conf"):
        assert (running.data / name).stat().st_mode & 0o077 == 0, name


def test_the_engines_want_their_password(up):
    facts = up().ready()
    with pytest.raises(RedisError, match=r"authenticated|Authentication required|NOAUTH"):
        Redis(port=facts["valkey"]["port"], retry=Retry(NoBackoff(), 0)).ping()
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(
            asyncpg.connect(
                f"postgresql://roost:wrong@127.0.0.1:{facts['postgresql']['port']}/roost", timeout=5
            )
        )


@pytest.mark.parametrize("option", ["starttls_port", "direct_tls_port", "metrics_port"])
def test_a_port_in_use(up, option):
    with socket.socket() as taken:
        # also one that would let us share it, as another cluster's does
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = fails(up(f"{option}={port}"))
    assert (
        said
        == f"Port {port} is in use; stop who uses it or choose another with --{option.replace('_', '-')}."
    )


def test_a_folder_that_cannot_be_written(up, tmp_path):
    folder = Path("/sys/roost-data")
    assert fails(up(data=folder)) == f"The folder {folder} cannot be written; choose another with --data."
    file = tmp_path / "file"
    file.touch()
    assert fails(up(data=file)) == f"{file} is not a folder; choose another with --data."


@pytest.mark.parametrize(("size", "stand_in"), [("8m", "ready"), ("8m", "tight"), ("40k", "tight")])
def test_a_full_disk(up, tmp_path, size, stand_in):
    """Seen by a look before anything starts, and where that look was too early, by what fails then."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={size} roost-test "$0" && exec "$@"'
    as_root = ("unshare", "--mount", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    said = fails(up(data=disk / "data", before=(*as_root, "sh", "-c", mount, str(disk)), STAND_IN=stand_in))
    assert said.startswith(f"The disk that holds {disk}/data is full")


def test_an_engine_that_does_not_start(up, tmp_path):
    (tmp_path / "data" / "postgresql").mkdir(parents=True)
    said = fails(up())
    assert said.startswith("PostgreSQL did not start: ")
    assert "postgresql.log" in said


def test_another_engine_that_does_not_start(up, tmp_path):
    files = tmp_path / "data" / "valkey" / "appendonlydir"
    files.mkdir(parents=True)
    (files / "appendonly.aof.manifest").write_text("nonsense\n")
    assert fails(up()).startswith("Valkey did not start: ")


def test_a_role_that_does_not_start(up):
    assert fails(up(STAND_IN="broken")).startswith(
        "Presence did not start: the stand-in is broken (its log is "
    )


def test_a_database_newer_than_this_release(up):
    first = up()
    asyncio.run(query(first.ready(), "UPDATE schema_version SET number = 9999, compatible = 9999"))
    assert first.end() == 0
    said = fails(up())
    assert said == "The database is newer than this release: start a newer release of Roost."


def test_a_second_signal_hurries_those_who_do_not_stop(up):
    running = up(STAND_IN="stubborn")
    facts = running.ready()
    running.process.send_signal(signal.SIGINT)
    running.until("Stopping connection manager 2")
    assert running.end(signal.SIGINT) == 0
    assert all_gone(pids(facts))
    assert "connection-manager ends" in Path(facts["connection_managers"][0]["log"]).read_text()


def test_a_signal_during_the_start_stops_what_was_started(up):
    begun = up()
    begun.until("Starting PostgreSQL")
    assert begun.end(signal.SIGINT) == 0
    assert not processes_naming(begun.data)
    assert "serves the domain" not in begun.text
