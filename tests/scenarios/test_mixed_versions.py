"""An upgrade under way: processes of this release and of the next one in one cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from free_ports import free_row
from play import people, wanted
from play.client import Client
from play.cluster import SERVICES, Cluster, Pod
from play.people import bare
from play.stage import play
from roost.protocol import namespaces as ns

_PROGRAM = Path(__file__).parents[1] / "play" / "next_release.py"
_START_SECONDS = 30
_UNTIL_SWEPT = 20


@dataclass(frozen=True)
class _Next:
    """The processes of the next release."""

    pod: Pod
    presence: int
    """The presence service's process id."""
    logs: tuple[Path, Path]

    def complaints(self) -> str:
        """As Cluster.complaints."""
        lines = [line for log in self.logs for line in log.read_text().splitlines()]
        return "\n".join(line for line in lines if "Traceback" in line or "[error" in line)


@contextmanager
def _process(cluster: Cluster, role: str, **settings: int) -> Iterator[tuple[int, Path]]:
    """One more process of the cluster, of the next release; ready."""
    log = cluster.describe.parent / f"next-{role}.log"
    given = {name.upper(): str(value) for name, value in settings.items()}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, str(_PROGRAM), role],
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": str(SERVICES), "ROOST_CONFIG": cluster.facts["settings_file"]}
            | {f"ROOST_{name}": value for name, value in given.items()},
        )
    try:
        _wait_until_ready(process, settings["metrics_port"], log)
        yield process.pid, log
    finally:
        process.terminate()
        process.wait(_START_SECONDS)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready") as answer:
                assert answer.status == 200
                return
        except OSError:
            time.sleep(0.05)


@asynccontextmanager
async def _upgrading(cluster: Cluster) -> AsyncIterator[_Next]:
    """The cluster with a connection manager and a presence process of the next release."""
    starttls, direct, one, other = free_row(4)
    own = {"own_starttls_port": starttls, "own_direct_tls_port": direct}
    with (
        _process(cluster, "presence", metrics_port=one) as (presence, its_log),
        _process(cluster, "connection-manager", metrics_port=other, **own) as (pid, log),
    ):
        pod = Pod(starttls, direct, pid, log, cluster.facts["ca_file"])
        found = _Next(pod, presence, (log, its_log))
        yield found
    assert found.complaints() == ""
    assert cluster.complaints() == ""


@play
async def test_people_of_both_releases_talk(mortal: Cluster) -> None:
    async with _upgrading(mortal) as newer:
        for here, there in ((mortal.pods[0], newer.pod), (newer.pod, mortal.pods[0])):
            romeo = await people.present(here, "romeo")
            juliet = await people.present(there, "juliet")
            nurse = await people.another(here, juliet, "nurse")
            await people.befriend(romeo, juliet)
            await _talk(romeo, juliet, nurse)
            await _show(romeo, juliet)
            await _part(romeo, juliet)


async def _talk(romeo: Client, juliet: Client, nurse: Client) -> None:
    """Messages to one session and to several, and a question."""
    romeo.message(juliet.jid, "to one")
    await juliet.expect(wanted.message("to one"))
    romeo.message(bare(juliet), "to all")
    for client in (juliet, nurse):
        await client.expect(wanted.message("to all"))
    juliet.message(romeo.jid, "and back")
    await romeo.expect(wanted.message("and back"))
    romeo.send(f"<iq type='get' id='q' to='{juliet.jid}'><query xmlns='jabber:iq:version'/></iq>")
    question = await juliet.expect(lambda one: one.get("id") == "q")
    juliet.send(f"<iq type='result' id='q' to='{question.get('from')}'/>")
    await romeo.expect(lambda one: one.get("id") == "q")


async def _show(romeo: Client, juliet: Client) -> None:
    """Presence that changes, that goes, and that is for one alone."""
    for client, other in ((romeo, juliet), (juliet, romeo)):
        client.presence(status="changed")
        await other.expect(wanted.presence(client.jid, "", "changed"))
        client.presence("unavailable")
        await other.expect(wanted.presence(client.jid, "unavailable"))
        client.presence(status="again")
        await other.expect(wanted.presence(client.jid, "", "again"))
        client.presence(to=other.jid, status="for you")
        await other.expect(wanted.presence(client.jid, "", "for you"))


async def _part(romeo: Client, juliet: Client) -> None:
    """A contact is removed: both subscriptions end, and with them what each sees."""
    item = f"<item jid='{bare(juliet)}' subscription='remove'/>"
    await romeo.ask("set", f"<query xmlns='{ns.ROSTER}'>{item}</query>")
    await juliet.expect(wanted.presence(bare(romeo), "unsubscribe"))
    await juliet.expect(wanted.presence(bare(romeo), "unsubscribed"))
    await juliet.expect(wanted.presence(romeo.jid, "unavailable"))
    await romeo.expect(wanted.presence(juliet.jid, "unavailable"))


@play
async def test_sessions_move_between_releases(mortal: Cluster) -> None:
    """Stored messages, resources taken over, and the end of a pod whose heirs are of the other release."""
    async with _upgrading(mortal) as newer:
        older = mortal.pods[0]
        romeo = await people.present(older, "romeo")
        for here, there in ((older, newer.pod), (newer.pod, older)):
            juliet = await people.present(here, "juliet")
            await people.befriend(romeo, juliet)
            name = bare(juliet).partition("@")[0]
            taken_over = await people.login(there, name, "home")
            assert wanted.condition(await juliet.expect(wanted.stream_error)) == "conflict"
            await taken_over.close()
            await romeo.expect(wanted.presence(juliet.jid, "unavailable"))
            romeo.message(bare(juliet), "for later")
            await romeo.settle()
            back = await people.login(there, name, "back")
            back.presence()
            await back.expect(wanted.message("for later"))
            await romeo.expect(wanted.presence(back.jid, ""))
            await back.close()
            await romeo.expect(wanted.presence(back.jid, "unavailable"))


@play
async def test_a_dead_pod_is_swept_by_the_other_release(mortal: Cluster) -> None:
    async with _upgrading(mortal) as newer:
        romeo = await people.present(newer.pod, "romeo")
        juliet = await people.present(mortal.pods[1], "juliet")
        await people.befriend(romeo, juliet)
        os.kill(mortal.facts["presence"][0]["pid"], signal.SIGTERM)  # its shards are the next release's now
        mortal.pods[1].kill()
        assert not await juliet.reader.read()
        romeo.message(juliet.jid, "left over")
        await romeo.expect(wanted.presence(juliet.jid, "unavailable"), _UNTIL_SWEPT)
        back = await people.login(mortal.pods[0], bare(juliet).partition("@")[0])
        back.presence()
        await back.expect(wanted.message("left over"))
        await romeo.expect(wanted.presence(back.jid, ""))
        await romeo.expect_nothing(wanted.presence(juliet.jid, "unavailable"))
