"""Spans of OpenTelemetry, sent by OTLP over HTTP. Needs the extra `tracing`.

No span holds a JID or anything of what people write to each other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from roost import __version__

_PATH = "/v1/traces"  # where OTLP's specification puts traces
_EXPORT_SECONDS = 5  # how long the collector may take; stopping must not wait for one that is away
_PROPAGATOR = TraceContextTextMapPropagator()

Attributes = Mapping[str, str | int]


class Tracer:
    """Makes the spans of one process, and sends them from a thread of its own."""

    def __init__(self, endpoint: str, ratio: float, *, role: str, pod: str, id: str) -> None:
        """`ratio` is the share of what begins here that is traced; what was begun elsewhere always is."""
        self._ratio = ratio
        about = {
            "service.name": f"roost-{role}",
            "service.version": __version__,
            "service.instance.id": id,
            "host.name": pod,
        }
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=Resource.create(about), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(_with_path(endpoint), timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("roost", __version__)

    def sampled(self) -> bool:
        """Whether what begins now is traced; asked before any other work is done for it."""
        return random.random() < self._ratio  # noqa: S311 - nothing to guess

    def root(self, name: str, attributes: Attributes, *, sends: bool = False) -> Span:
        """The first span of a trace, from now until its maker ends it; `sends` says that others follow."""
        kind = SpanKind.PRODUCER if sends else SpanKind.SERVER
        return self._tracer.start_span(name, Context(), kind, attributes)

    def following(self, name: str, carried: bytes, attributes: Attributes) -> Span | None:
        """A span that goes on with what another process `carried` here; None for what is no such thing."""
        context = _PROPAGATOR.extract({"traceparent": carried.decode(errors="replace")}, Context())
        if not trace.get_current_span(context).get_span_context().is_valid:
            return None
        return self._tracer.start_span(name, context, SpanKind.CONSUMER, attributes)

    def carried(self, span: Span) -> bytes:
        """What takes a span along to another process: a `traceparent` (W3C Trace Context section 3.2)."""
        carrier: dict[str, str] = {}
        _PROPAGATOR.inject(carrier, trace.set_span_in_context(span))
        return carrier["traceparent"].encode()

    def failed(self, span: Span, why: str) -> None:
        """Mark a span as failed."""
        span.set_status(Status(StatusCode.ERROR, why))

    def within(self, span: Span) -> AbstractContextManager[Span]:
        """A context in which `inner` makes spans below `span`."""
        return trace.use_span(span, record_exception=False, set_status_on_exception=False)

    @contextmanager
    def inner(self, name: str, attributes: Attributes) -> Iterator[None]:
        """A span for what happens in this context, if it is part of something that is traced."""
        if not trace.get_current_span().is_recording():
            yield
            return
        with self._tracer.start_as_current_span(name, kind=SpanKind.CLIENT, attributes=attributes):
            yield

    async def close(self) -> None:
        """Send what has not been sent, within a few seconds."""
        await asyncio.to_thread(self._provider.shutdown)


def _with_path(endpoint: str) -> str:
    return endpoint.rstrip("/") + _PATH if urlsplit(endpoint).path in {"", "/"} else endpoint
