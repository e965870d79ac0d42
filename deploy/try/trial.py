"""People talk through the cluster of docker-compose.yml while it grows, shrinks and stops; for try-image.sh.

The environment names the programs (DOCKER, COMPOSE), the project (COMPOSE_PROJECT_NAME) and where HAProxy
listens (STARTTLS_PORT, DIRECT_TLS_PORT). Everything is asked of the containers themselves; from here only
HAProxy is reached, as a client reaches it. The exit code is 0 when all of it went as it should.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from people import DEADLINE, PASSWORD, Failed, Person, Place, converse, expect, until

DOMAIN = "localhost"
OTHERS = ("mercutio", "nurse")
STOP_SECONDS = 50  # stop_grace_period of docker-compose.yml

FETCH = "import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1], timeout=5).read().decode())"
# a client that says who it is without the PROXY protocol's header, and what it hears
BARE = """
import socket, sys
with socket.create_connection((sys.argv[1], 5222), timeout=10) as peer:
    peer.sendall(b"<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' "
                 b"xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>")
    try:
        print(len(peer.recv(4096)))
    except ConnectionResetError:
        print(0)
"""


class Containers:
    """The project's containers, by way of docker and docker-compose."""

    def __init__(self) -> None:
        self._docker = os.environ["DOCKER"]
        self._compose = os.environ["COMPOSE"].split()
        self._project = os.environ["COMPOSE_PROJECT_NAME"]

    def of(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        labels = {"project": self._project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        return self.docker("ps", "--quiet", "--no-trunc", *filters).split()

    def docker(self, *words: str, said: str | None = None) -> str:
        """What docker prints; raises CalledProcessError."""
        return _run([self._docker, *words], said)

    def scale(self, number: int) -> None:
        """Have that many connection managers."""
        size = f"connection-manager={number}"
        _run(
            [
                *self._compose,
                "up",
                "--detach",
                "--no-build",
                "--no-recreate",
                "--scale",
                size,
                *self.running(),
            ]
        )

    def logs(self, container: str) -> str:
        """What its process has logged so far."""
        return _run([self._docker, "logs", container], errors_too=True)

    def inspect(self, container: str, network: str) -> Any:
        """What the engine knows of a container in one of the project's networks."""
        networks = json.loads(
            self.docker("inspect", "--format={{json .NetworkSettings.Networks}}", container)
        )
        return networks[f"{self._project}_{network}"]

    def running(self) -> list[str]:
        """The services that try-image.sh has started."""
        return os.environ["SERVICES"].split()

    def fetch(self, url: str, container: str | None = None) -> str:
        """A page of the cluster's inner networks, as a presence process or another container sees it."""
        return self.docker("exec", container or self.of("presence")[0], "python3", "-c", FETCH, url)

    def sessions(self) -> dict[str, int]:
        """How many sessions each connection manager has."""
        found = {}
        for each in self.of("connection-manager"):
            told = self.fetch("http://127.0.0.1:9090/metrics", each)
            number = re.search(r"^roost_sessions_bound (\S+)$", told, re.MULTILINE)
            found[each] = int(float(number[1])) if number else 0
        return found

    def balanced_over(self) -> int:
        """To how many connection managers HAProxy would send a client."""
        told = self.fetch("http://haproxy:8405/metrics")
        numbers = re.findall(r'^haproxy_backend_active_servers{proxy="[a-z-]+"} (\d+)$', told, re.MULTILINE)
        return min(map(int, numbers))

    def scraped(self, role: str) -> int:
        """How many processes of this role Prometheus reads."""
        query = quote(f'count(roost_build_info{{job="roost",role="{role}"}})')
        answer = self.fetch(f"http://prometheus:9090/api/v1/query?query={query}")
        result = json.loads(answer)["data"]["result"]
        return int(result[0]["value"][1]) if result else 0


class Trial:
    """The steps, in order; each is a sentence."""

    romeo: Person
    juliet: Person

    def __init__(self, containers: Containers, folder: Path) -> None:
        self.containers = containers
        ports = (int(os.environ[f"{name}_PORT"]) for name in ("STARTTLS", "DIRECT_TLS"))
        self.place = Place(DOMAIN, folder / "ca.pem", "127.0.0.1", *ports)
        self.others: list[Person] = []

    async def run(self) -> None:
        """All steps; raises what is wrong."""
        for step in (
            self.everything_is_ready,
            self.accounts_are_made,
            self.two_converse_across_connection_managers,
            self.both_ports_work,
            self.addresses_are_the_clients,
            self.who_comes_past_haproxy_is_refused,
            self.haproxy_and_prometheus_follow_a_scale_to_four,
            self.a_connection_manager_stops_in_order,
            self.nobody_is_lost_in_a_scale_back_to_two,
            self.a_message_waits_for_who_is_away,
        ):
            begin = time.monotonic()
            await asyncio.wait_for(step(), 3 * DEADLINE)
            print(f"ok: {step.__name__.replace('_', ' ')} ({time.monotonic() - begin:.1f} s)", flush=True)

    async def everything_is_ready(self) -> None:
        """As each process says of itself, and as HAProxy and Prometheus see it."""
        for role in ("connection-manager", "presence"):
            running = self.containers.of(role)
            expect(len(running) == 2, f"two of {role}, not {len(running)}")
            for each in running:
                await until(partial(self._ready, each), f"{role} is ready")
        await until(lambda: self.containers.balanced_over() == 2, "HAProxy has both connection managers")
        for role in ("connection-manager", "presence"):
            await until(partial(self._scraped, role, 2), f"Prometheus reads two of {role}")

    async def accounts_are_made(self) -> None:
        """And the authority's certificate is to be had."""
        manager = self.containers.of("connection-manager")[0]
        self.place.authority.write_text(
            self.containers.docker("exec", manager, "cat", "/var/lib/roost/authority/ca.pem")
        )
        maker = self.containers.of("presence")[0]
        words = ("exec", "--interactive", maker, "roost", "user", "add", "--password-stdin")
        names = [f"{name}@{DOMAIN}" for name in ("romeo", "juliet", *OTHERS)]
        makings = [asyncio.to_thread(self.containers.docker, *words, name, said=PASSWORD) for name in names]
        for name, said in zip(names, await asyncio.gather(*makings), strict=True):
            expect(f"{name} can log in now" in said, f"an account {name}: {said}")

    async def two_converse_across_connection_managers(self) -> None:
        """Over TLS, each on another one."""
        self.romeo, self.juliet = Person("romeo", self.place), Person("juliet", self.place)
        await self.romeo.arrive()
        await self.juliet.arrive()
        await until(lambda: sorted(self.containers.sessions().values()) == [1, 1], "one session on each")
        await converse(self.romeo, self.juliet)

    async def both_ports_work(self) -> None:
        """STARTTLS and direct TLS."""
        async with self._online("nurse", direct_tls=True) as nurse:
            await converse(nurse, self.juliet)

    async def addresses_are_the_clients(self) -> None:
        """Connection managers know who is behind HAProxy: here the gateway through which we reached it."""
        seen = {
            address for each in self.containers.of("connection-manager") for address in self._clients(each)
        }
        gateway = self.containers.inspect(self.containers.of("haproxy")[0], "outside")["Gateway"]
        expect(seen == {gateway}, f"clients come from {gateway}, not {seen}")

    async def who_comes_past_haproxy_is_refused(self) -> None:
        """Nobody can say that they come from another address than they do."""
        inside = self.containers.of("presence")[0]
        heard = self.containers.docker("exec", inside, "python3", "-c", BARE, "connection-manager")
        expect(heard.strip() == "0", "a stream without the PROXY protocol gets no answer")

    async def haproxy_and_prometheus_follow_a_scale_to_four(self) -> None:
        """And new streams go to the new ones."""
        await asyncio.to_thread(self.containers.scale, 4)
        await until(lambda: self.containers.balanced_over() == 4, "HAProxy has all four")
        await until(partial(self._scraped, "connection-manager", 4), "Prometheus reads all four")
        self.others = [Person(name, self.place) for name in OTHERS]
        for each in self.others:
            await each.arrive()
        await until(
            lambda: sorted(self.containers.sessions().values()) == [1, 1, 1, 1], "one session on each"
        )
        await converse(self.romeo, self.others[-1])

    async def a_connection_manager_stops_in_order(self) -> None:
        """SIGTERM: its clients hear why and come back elsewhere; it ends with exit code 0 in its time."""
        stopped = next(iter(self.containers.sessions()))
        begin = time.monotonic()
        await asyncio.to_thread(self.containers.docker, "stop", f"--time={STOP_SECONDS}", stopped)
        seconds = time.monotonic() - begin
        code = self.containers.docker("inspect", "--format={{.State.ExitCode}}", stopped).strip()
        expect(code == "0" and seconds < STOP_SECONDS, f"an end in order: code {code}, {seconds:.0f} s")
        moved = [person for person in self._everybody() if person.ends]
        conditions = {condition for person in moved for condition in person.ends}
        expect(len(moved) == 1 and conditions == {"system-shutdown"}, f"one hears why: {conditions}")
        await self._all_are_back()

    async def nobody_is_lost_in_a_scale_back_to_two(self) -> None:
        """Everybody is online on what is left."""
        await asyncio.to_thread(self.containers.scale, 2)
        await until(lambda: self.containers.balanced_over() == 2, "HAProxy has the two that are left")
        await self._all_are_back()

    async def a_message_waits_for_who_is_away(self) -> None:
        """And nothing of this took from anybody what was theirs."""
        await self.juliet.leave()
        await until(lambda: sum(self.containers.sessions().values()) == 3, "her session's end")
        self.romeo.send_message(f"juliet@{DOMAIN}", "parting is such sweet sorrow")
        await converse(self.romeo, self.others[0])
        async with self._online("juliet") as juliet:
            await juliet.hears("parting is such sweet sorrow")
        for each in (self.romeo, *self.others):
            await each.leave()

    async def _all_are_back(self) -> None:
        """Everybody has a session again, and all can talk."""
        number = len(self._everybody())
        for each in self._everybody():
            await asyncio.wait_for(each.online.wait(), DEADLINE)
        await until(lambda: sum(self.containers.sessions().values()) == number, f"{number} sessions")
        for each in self.others:
            await converse(self.romeo, each)
        await converse(self.romeo, self.juliet)

    def _scraped(self, role: str, number: int) -> bool:
        return self.containers.scraped(role) == number

    def _clients(self, container: str) -> set[str]:
        """The addresses of those who connected; try-image.sh has every connection logged."""
        lines = map(json.loads, self.containers.logs(container).splitlines())
        return {line["address"] for line in lines if line["event"] == "connection opened"}

    def _everybody(self) -> list[Person]:
        return [self.romeo, self.juliet, *self.others]

    def _ready(self, container: str) -> bool:
        shell = "roost healthy --ready && echo yes || true"
        return self.containers.docker("exec", container, "sh", "-c", shell) == "yes\n"

    @asynccontextmanager
    async def _online(self, name: str, *, direct_tls: bool = False) -> AsyncIterator[Person]:
        person = Person(name, self.place, direct_tls=direct_tls)
        await person.arrive()
        try:
            yield person
        finally:
            await person.leave()


def _run(words: list[str], said: str | None = None, *, errors_too: bool = False) -> str:
    done = subprocess.run(  # noqa: S603 - the programs that try-image.sh has found
        words,
        input=said,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if errors_too else subprocess.PIPE,
        text=True,
        check=False,
        timeout=3 * DEADLINE,
    )
    if done.returncode:
        print(f"{' '.join(words)}\n{done.stderr}", file=sys.stderr)
        done.check_returncode()
    return done.stdout


async def main() -> int:
    """Run the trial; the exit code."""
    with TemporaryDirectory() as folder:
        try:
            await Trial(Containers(), Path(folder)).run()
        except (Failed, TimeoutError, subprocess.SubprocessError) as error:
            print(f"not as it should be: {error or type(error).__name__}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
