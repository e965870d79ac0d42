import asyncio
import socket
import time

import pytest

from roost.runtime import health
from roost.runtime.metrics import CONNECTION_MANAGER, FAMILIES, Metrics

WELL = {"redis": lambda: None, "database": lambda: None}


async def ask(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    return answer.decode()


def answer_to(request: bytes, checks=WELL) -> str:
    async def main() -> str:
        server = await health.serve("127.0.0.1", 0, Metrics(CONNECTION_MANAGER).registry, checks)
        async with server:
            return await ask(server.sockets[0].getsockname()[1], request)

    return asyncio.run(main())


def test_metrics_are_told():
    told = answer_to(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "Content-Type: text/plain; version=" in told
    assert "process_resident_memory_bytes" in told
    assert "roost_streams_slow_total 0.0" in told


def test_others_have_their_turn_while_metrics_are_told():
    turns = 0
    seen = []

    def figure():
        time.sleep(0.002)  # what a busy process's figures may take
        seen.append(turns)
        return 1

    async def others():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> str:
        metrics = Metrics(CONNECTION_MANAGER)
        plain = [family for family in FAMILIES if family.type == "gauge" and not family.labels]
        metrics.read({family.name: figure for family in plain if CONNECTION_MANAGER in family.roles})
        beside = asyncio.ensure_future(others())
        async with await health.serve("127.0.0.1", 0, metrics.registry, WELL) as server:
            told = await ask(server.sockets[0].getsockname()[1], b"GET /metrics HTTP/1.1\r\n\r\n")
        beside.cancel()
        return told

    assert "roost_sessions_bound 1.0" in asyncio.run(main())
    assert len(seen) > 5
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("GET /live", "200 OK"),
        ("GET /ready", "200 OK"),
        ("GET /ready?verbose", "200 OK"),
        ("GET /other", "404 Not Found"),
        ("POST /live", "405 Method Not Allowed"),
    ],
)
def test_probes(request_line, status):
    told = answer_to(f"{request_line} HTTP/1.1\r\n\r\n".encode())
    assert told.startswith(f"HTTP/1.1 {status}\r\n")


def test_ready_has_a_line_for_each_check():
    told = answer_to(b"GET /ready HTTP/1.1\r\n\r\n")
    assert told.endswith("\r\n\r\nredis: ok\ndatabase: ok\n")


def test_one_thing_that_is_wrong_is_enough_not_to_be_ready():
    told = answer_to(b"GET /ready HTTP/1.1\r\n\r\n", {**WELL, "drain": lambda: "stopping"})
    assert told.startswith("HTTP/1.1 503 ")
    assert told.endswith("redis: ok\ndatabase: ok\ndrain: stopping\n")


def test_what_is_no_request_gets_no_answer():
    assert answer_to(b"x" * 100_000) == ""


def test_a_port_in_use_is_an_oserror():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            asyncio.run(health.serve("127.0.0.1", port, Metrics(CONNECTION_MANAGER).registry, WELL))
