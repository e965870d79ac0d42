"""A small OpenTelemetry collector on loopback: takes traces by OTLP over HTTP and keeps them."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

DEADLINE = 20  # seconds


@dataclass
class Span:
    """One span as it came."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any] = field(default_factory=dict)
    process: dict[str, Any] = field(default_factory=dict)


class Collector:
    """`url` is its endpoint, `spans` what has come."""

    def __init__(self) -> None:
        collector = self
        self.spans: list[Span] = []
        self.paths: set[str] = set()
        self._changed = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                collector._take(self.path, data)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _take(self, path: str, data: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(data)
        with self._changed:
            self.paths.add(path)
            for resource in request.resource_spans:
                process = _attributes(resource.resource.attributes)
                for scope in resource.scope_spans:
                    self.spans += [_span(one, process) for one in scope.spans]
            self._changed.notify_all()

    def until(self, count: int, name: str, **attributes: Any) -> list[Span]:
        """Wait for so many spans of a name with such attributes; underscores stand for dots in names."""
        wanted = {key.replace("_", "."): value for key, value in attributes.items()}
        end = time.monotonic() + DEADLINE
        with self._changed:
            while True:
                found = [
                    one for one in self.spans if one.name == name and one.attributes.items() >= wanted.items()
                ]
                if len(found) >= count:
                    return found
                assert self._changed.wait(end - time.monotonic()), f"no {name} {wanted} in {self.spans}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _span(one: Any, process: dict[str, Any]) -> Span:
    times = one.start_time_unix_nano, one.end_time_unix_nano
    attributes = _attributes(one.attributes)
    return Span(
        one.name,
        one.trace_id,
        one.span_id,
        one.parent_span_id,
        *times,
        one.status.code == 2,
        attributes,
        process,
    )


def _attributes(found: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in found}
