"""Logins where they are traced: a span from the first element of an exchange to its outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roost.core.authentication import Authenticator, Exchange
from roost.core.wire import Wire
from roost.protocol.errors import SaslFailure
from roost.protocol.sasl import Challenge, Success

if TYPE_CHECKING:
    from roost.runtime.spans import Tracer


def authenticator(tracer: Tracer | None, *parts: Any, **options: Any) -> Authenticator:
    """The authenticator, which traces some of the logins if there is a tracer; see Authenticator."""
    if tracer is None:
        return Authenticator(*parts, **options)
    return TracedAuthenticator(tracer, *parts, **options)


class TracedAuthenticator(Authenticator):
    """Traces some of the exchanges that it begins."""

    def __init__(self, tracer: Tracer, *parts: Any, **options: Any) -> None:
        """See Authenticator."""
        super().__init__(*parts, **options)
        self._tracer = tracer

    async def begin(self, mechanism: str, domain: str, wire: Wire) -> Exchange:
        """See Authenticator."""
        exchange = await super().begin(mechanism, domain, wire)
        if not self._tracer.sampled():
            return exchange
        return TracedExchange(self._tracer, exchange)


class TracedExchange(Exchange):
    """An exchange with a span around it."""

    def __init__(self, tracer: Tracer, inner: Exchange) -> None:
        """Begins the span; an exchange that the client gives up leaves none behind."""
        self._tracer = tracer
        self._inner = inner
        self._span = tracer.root("login", {"roost.mechanism": inner.mechanism})

    def __getattr__(self, name: str) -> Any:
        """What the exchange itself has found out."""
        return getattr(self._inner, name)

    async def turn(self, text: str | None) -> Challenge | Success:
        """See Exchange."""
        try:
            with self._tracer.within(self._span):
                said = await self._inner.turn(text)
        except SaslFailure as failure:
            self._end(failure.condition)
            raise
        if isinstance(said, Success):
            self._end("success")
        return said

    def _end(self, outcome: str) -> None:
        self._span.set_attribute("roost.outcome", outcome)
        self._span.end()
