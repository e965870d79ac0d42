"""The connection manager as a process: how it starts, refuses to, and stops."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import generate_latest

from free_ports import free_port
from role_settings import settings
from roost.roles import connection_manager, presence
from roost.roles.connection_manager import ConnectionManager
from roost.runtime.lifecycle import Stop
from roost.store.migrate import migrate

ROLES = {"connection-manager": connection_manager, "presence": presence}


@pytest.mark.parametrize("role", ROLES)
def test_without_redis_or_database_it_says_so_and_ends(
    role, valkey, database_url, empty_database_url, run, capsys
):
    nowhere = f"redis://127.0.0.1:{free_port()}"
    cases = {
        "Redis": settings(nowhere, database_url),
        "PostgreSQL": settings(valkey.url, f"postgresql://x@127.0.0.1:{free_port()}/x"),
        "roost migrate": settings(valkey.url, empty_database_url),
    }
    for what, one in cases.items():
        assert run(ROLES[role].run(one)) == 1
        assert what in capsys.readouterr().err


def test_tls_is_not_forgotten(valkey, database_url, run, capsys):
    assert run(connection_manager.run(settings(valkey.url, database_url, tls="required"))) == 1
    assert "ROOST_CERTIFICATE_FILE" in capsys.readouterr().err


def test_a_certificate_that_cannot_be_used_is_named(valkey, database_url, run, capsys, tmp_path):
    missing = tmp_path / "certificate.pem"
    one = settings(valkey.url, database_url, certificate_file=missing, key_file=missing)
    assert run(connection_manager.run(one)) == 1
    assert str(missing) in capsys.readouterr().err


@pytest.mark.parametrize("role", ROLES)
def test_a_ca_that_cannot_be_had_is_named(role, database_url, run, capsys, tmp_path):
    one = settings(f"rediss://localhost?ca={tmp_path}/ca.pem", database_url)
    assert run(ROLES[role].run(one)) == 1
    assert f"{tmp_path}/ca.pem" in capsys.readouterr().err


def test_a_port_in_use(valkey, database_url, run, capsys):
    async def play():
        port = free_port()
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
        code = await connection_manager.run(settings(valkey.url, database_url, own_starttls_port=port))
        server.close()
        return code, port

    code, port = run(play())
    assert code == 1
    assert f"port {port}" in capsys.readouterr().err


def test_it_leaves_nothing_behind(valkey, database_url, run):
    async def play():
        valkey.admin().flushall()
        port = free_port()
        pod = ConnectionManager(settings(valkey.url, database_url, own_starttls_port=port))
        await pod.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"<stream:stream to='example.net' xmlns='jabber:client'"
            b" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
        )
        await reader.readuntil(b"</stream:features>")
        stop = Stop()
        stop.ask()
        assert await pod.serve(stop) == 0
        rest = await reader.read()
        assert b"<system-shutdown" in rest
        assert rest.endswith(b"</stream:stream>")
        assert valkey.admin().zcard("l1:{pods}") == 0

    run(play())


def test_a_pod_that_was_given_up_ends_with_an_error(valkey, database_url, run):
    """Fencing: its sessions belong to the sweep; it comes back under another name."""

    async def play():
        valkey.admin().flushall()
        one = settings(valkey.url, database_url, lease_seconds=1, heartbeat_seconds=0.1)
        pod = ConnectionManager(one)
        await pod.open()
        valkey.admin().zremrangebyrank("l1:{pods}", 0, -1)
        assert await pod.serve(Stop()) == 1

    run(play())


_OPENING = (
    b"<stream:stream to='example.net' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
)
_LOGIN = b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzZWNyZXQ=</auth>"


async def _ready(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ready HTTP/1.1\r\n\r\n")
    head, _, body = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body


def test_ready_says_what_is_missing(own_valkey, own_postgresql, run):
    async def play():
        await migrate(own_postgresql.url())
        clients, metrics = free_port(), free_port()
        pod = ConnectionManager(
            settings(
                own_valkey.url,
                own_postgresql.url(),
                own_starttls_port=clients,
                metrics_host="127.0.0.1",
                metrics_port=metrics,
            )
        )
        await pod.open()
        assert await _ready(metrics) == (200, "redis: ok\ndatabase: ok\nlisteners: ok\ndrain: ok\n")
        await asyncio.to_thread(own_postgresql.halt)
        reader, writer = await asyncio.open_connection("127.0.0.1", clients)
        writer.write(_OPENING + _LOGIN)
        assert b"<resource-constraint" in await reader.read()
        status, said = await _ready(metrics)
        assert status == 503
        assert "redis: ok\ndatabase: PostgreSQL did not answer the last statement\n" in said
        assert b'roost_logins_total{outcome="unavailable"} 1.0' in generate_latest(pod.metrics.registry)
        own_valkey.kill()
        while "redis: no connection to Redis\n" not in said:
            status, said = await _ready(metrics)
        assert status == 503
        await pod.close()

    run(play())
