"""What streams are offered (RFC 6120 section 4.3.2), and the rules by which they are negotiated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roost.core.authentication import Authenticator
from roost.core.features import Feature
from roost.core.wire import Wire
from roost.protocol import namespaces as ns
from roost.protocol import stream as says
from roost.protocol.restricted import Limits
from roost.protocol.xml import Element, element, serialise


@dataclass(frozen=True, slots=True)
class StreamRules:
    """How streams are negotiated here."""

    domains: frozenset[str]
    tls_required: bool
    tls_available: bool
    before: Limits
    after: Limits
    idle_seconds: int
    close_seconds: float
    """How long a client's machine may take to acknowledge what was under way when the client closed."""
    login_attempts: int


class Offers:
    """The stream features; the same for all streams that stand at the same point, so made once."""

    def __init__(
        self,
        rules: StreamRules,
        authenticator: Authenticator,
        features: Sequence[Feature],
        *,
        registration: bool,
    ) -> None:
        """`registration` says whether accounts can be made before a login (XEP-0077)."""
        self._rules = rules
        self._authenticator = authenticator
        self._features = features
        self._registration = registration
        self._made: dict[object, bytes] = {}

    def at(self, wire: Wire, *, secure: bool, logged_in: bool) -> bytes:
        """What is offered now. `secure` says that a client may log in: there is TLS, or needs to be none."""
        point = (tuple(wire.channel_bindings()), wire.secure, secure, logged_in)
        made = self._made.get(point)
        if made is None:
            offered = self._session() if logged_in else self._login(wire, secure=secure)
            inner = b"".join(serialise(feature) for feature in offered)
            made = self._made[point] = b"<stream:features>" + inner + b"</stream:features>"
        return made

    def _session(self) -> Iterable[Element]:
        yield element("bind", ns.BIND)
        # RFC 6121 dropped the session; clients of RFC 3921 look for it (draft-cridland-xmpp-session)
        yield element("session", ns.SESSION, None, element("optional", ns.SESSION))
        for feature in self._features:
            yield from feature.stream_features()
        yield says.limits(self._rules.after, self._rules.idle_seconds)

    def _login(self, wire: Wire, *, secure: bool) -> Iterable[Element]:
        rules = self._rules
        if rules.tls_available and not wire.secure:
            required = [element("required", ns.TLS)] if rules.tls_required else []
            yield element("starttls", ns.TLS, None, *required)
        if secure:
            yield from self._authenticator.features(wire)
            if self._registration:
                yield element("register", ns.REGISTER_FEATURE)
        yield says.limits(rules.before, rules.idle_seconds)
