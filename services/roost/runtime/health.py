"""The port that tells how a process is: `/metrics`, `/live` and `/ready`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

_REQUEST_SECONDS = 5
_SLICE_SECONDS = 0.001  # of work on an answer, behind which others have their turn

Checks = Mapping[str, Callable[[], str | None]]
"""What a process needs to be ready, by name: each says what is wrong, or None."""


async def serve(host: str, port: int, registry: CollectorRegistry, checks: Checks) -> asyncio.Server:
    """Answer GET on `host`:`port`: `/metrics`, `/live` (the loop turns), `/ready` (no check finds anything).

    `/ready` has a line for each check, `name: ok` or what is wrong. Raises OSError when it cannot listen.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _response(request, registry, checks))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # not a request of ours, or nobody left to answer
        finally:
            writer.close()

    return await asyncio.start_server(answer, host, port)


async def _response(request: bytes, registry: CollectorRegistry, checks: Checks) -> bytes:
    method, _, rest = request.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if method != b"GET":
        return _http(HTTPStatus.METHOD_NOT_ALLOWED, b"only GET\n")
    if path == b"/metrics":
        return _http(HTTPStatus.OK, await _metrics(registry), CONTENT_TYPE_LATEST)
    if path == b"/live":
        return _http(HTTPStatus.OK, b"alive\n")
    if path == b"/ready":
        return _readiness(checks)
    return _http(HTTPStatus.NOT_FOUND, b"no such page\n")


async def _metrics(registry: CollectorRegistry) -> bytes:
    """All metrics in Prometheus' text format, made bit by bit: no stanza waits until all of it is made."""
    told = []
    until = time.monotonic() + _SLICE_SECONDS
    for metric in registry.collect():
        told.append(generate_latest(_One(metric)))
        if time.monotonic() >= until:
            await asyncio.sleep(0)
            until = time.monotonic() + _SLICE_SECONDS
    return b"".join(told)


class _One(Collector):
    """A single metric, for a function that takes all of a registry."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric

    def collect(self) -> Iterable[Metric]:
        return (self._metric,)


def _readiness(checks: Checks) -> bytes:
    found = {name: check() for name, check in checks.items()}
    ready = all(trouble is None for trouble in found.values())
    lines = "".join(f"{name}: {trouble or 'ok'}\n" for name, trouble in found.items())
    return _http(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, lines.encode())


def _http(status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
