"""What an operator reads in the logs, and what stands nowhere in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from play import people, wanted
from play.cluster import Cluster
from play.stage import play

NAMES = ("romeo", "juliet", "tybalt")


@pytest.fixture(scope="module")
def discreet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two pods that log all they can, without JIDs."""
    settings = {"log_jids": "hashed", "log_level": "debug", "log_format": "json"}
    cluster = Cluster(tmp_path_factory.mktemp("cluster"), "--tls", "optional", **settings)
    yield cluster
    cluster.stop()


def lines(cluster: Cluster) -> list[dict[str, Any]]:
    """Everything that the processes have logged."""
    return [json.loads(line) for pod in cluster.pods for line in pod.log.read_text().splitlines()]


def told(cluster: Cluster, event: str, **fields: Any) -> list[dict[str, Any]]:
    """The lines that say so."""
    return [line for line in lines(cluster) if line.items() >= {"event": event, **fields}.items()]


def hashed(cluster: Cluster, name: str) -> str:
    """What stands for an account in the logs, by the operator's own command."""
    words = ["user", "hash", "--config", cluster.facts["settings_file"], name]
    run = subprocess.run(
        [sys.executable, "-m", "roost", *words], check=True, capture_output=True, text=True, env=os.environ
    )
    return run.stdout.strip()


@play
async def test_a_life_in_the_logs(discreet: Cluster) -> None:
    one, two = discreet.pods
    client = await people.person(one, "romeo", "balcony", tls=True)
    name = people.bare(client).partition("@")[0]
    romeo = hashed(discreet, name)
    [login] = told(discreet, "login", jid=romeo, mechanism="PLAIN", address="127.0.0.1")
    assert (login["tls"], login["role"], login["pod"]) == (
        "TLSv1.3",
        "connection-manager",
        "connection-manager-1",
    )
    [bound] = told(discreet, "session bound")
    assert bound["jid"].startswith(f"{romeo}/")

    new = await people.login(two, name, "balcony")
    await client.expect_end()
    [error] = told(discreet, "stream error", condition="conflict")
    assert (error["jid"], error["sid"], error["pod"]) == (bound["jid"], bound["sid"], "connection-manager-1")
    [ended] = told(discreet, "session ended", sid=bound["sid"])
    assert ended["reason"] == "conflict"
    assert 0 < ended["seconds"] < 10
    [replaced] = told(discreet, "session replaced", old_sid=bound["sid"])
    assert told(discreet, "session bound", sid=replaced["sid"], pod="connection-manager-2")

    await new.close()
    assert told(discreet, "session ended", sid=replaced["sid"], reason="closed")


@play
async def test_a_failed_login_says_who_tried_from_where(discreet: Cluster) -> None:
    pod = discreet.pods[0]
    name = people.new_name("tybalt")
    client = await pod.connect()
    await client.open()
    assert await people.plain(client, name, "wrong") == "not-authorized"
    tybalt = hashed(discreet, name)
    [failed] = told(discreet, "login failed", jid=tybalt, condition="not-authorized")
    assert (failed["address"], failed["mechanism"], failed["tls"]) == ("127.0.0.1", "PLAIN", "none")


@play
async def test_a_stream_that_breaks_a_rule(discreet: Cluster) -> None:
    client = await people.person(discreet.pods[0], "juliet")
    client.send("<message><!-- no comment --></message>")
    await client.expect(wanted.stream_error)
    await client.expect_end()
    [error] = told(discreet, "stream error", condition="restricted-xml")
    assert told(discreet, "session ended", sid=error["sid"], reason="restricted-xml")


@play
async def test_no_line_has_a_jid_and_none_tells_of_a_stanza(discreet: Cluster) -> None:
    one, two = discreet.pods
    romeo, juliet = await people.present(one, "romeo"), await people.present(two, "juliet")
    await people.befriend(romeo, juliet)
    before = len(lines(discreet))
    for _ in range(20):
        romeo.message(juliet.jid, "good night", id="a-stanza")
        await juliet.expect(wanted.message("good night"))
        romeo.presence(status="parting")
        await juliet.expect(wanted.presence(romeo.jid, "", "parting"))
    assert len(lines(discreet)) - before < 5, "lines for stanzas"
    romeo.vanish()
    await juliet.expect(wanted.presence(romeo.jid, "unavailable"))
    everything = "".join(log.read_text() for log in (discreet.describe.parent / "data").rglob("*.log"))
    roost = [line for line in everything.splitlines() if '"role"' in line]
    assert roost
    for line in roost:
        assert "@" not in line, line
        assert not any(name in line for name in NAMES), line
