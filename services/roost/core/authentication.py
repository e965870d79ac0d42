"""Logins: SASL exchanges with the store's keys behind them.

What an answer says, and how long it takes, is the same for a wrong password and for an account
that does not exist (RFC 6120 section 13.8.3).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from roost.core.ports import Accounts, RateLimit
from roost.core.wire import Wire
from roost.protocol import namespaces as ns
from roost.protocol import sasl, scram
from roost.protocol.errors import JidMalformed, SaslFailure
from roost.protocol.jid import Jid
from roost.protocol.sasl import Challenge, Success
from roost.protocol.scram import ScramKeys, ScramServer
from roost.protocol.xml import Element, element
from roost.runtime.figures import FAST_SECONDS, Figures, Histogram

_PLAIN_CHECKED_WITH = "SCRAM-SHA-256"  # the cheapest of the hashes that are still good
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """Failed logins per minute, cluster-wide, before further tries wait."""

    per_account: int
    per_address: int


class Authenticator:
    """Offers mechanisms and begins exchanges."""

    def __init__(
        self,
        accounts: Accounts,
        executor: Executor,
        rates: RateLimit,
        *,
        iterations: int,
        limits: LoginLimits,
    ) -> None:
        """Passwords are hashed in `executor`; `iterations` is what new passwords get."""
        self.accounts = accounts
        self.executor = executor
        self.iterations = iterations
        self._rates = rates
        self._limits = limits
        self._seconds = Histogram(FAST_SECONDS)

    def took(self, exchange: Exchange | None) -> None:
        """Note that an exchange has come to its end, if it had begun at all."""
        if exchange is not None:
            self._seconds.observe(time.monotonic() - exchange.began)

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {"login_seconds": self._seconds}

    def features(self, wire: Wire) -> Iterable[Element]:
        """The stream features that offer the mechanisms (RFC 6120 section 6.4.1, XEP-0440 section 2)."""
        bindings = wire.channel_bindings()
        names = [element("mechanism", ns.SASL, text=name) for name in sasl.mechanisms(bindings)]
        yield element("mechanisms", ns.SASL, None, *names)
        if bindings:
            types = [element("channel-binding", ns.SASL_CHANNEL_BINDING, {"type": name}) for name in bindings]
            yield element("sasl-channel-binding", ns.SASL_CHANNEL_BINDING, None, *types)

    async def begin(self, mechanism: str, domain: str, wire: Wire) -> Exchange:
        """An exchange with one of the offered mechanisms; raises SaslFailure."""
        bindings = wire.channel_bindings()
        if mechanism not in sasl.mechanisms(bindings):
            raise SaslFailure("invalid-mechanism")
        if mechanism == sasl.PLAIN:
            return _Plain(self, domain, wire.peer, mechanism)
        server = ScramServer(mechanism, bindings, plus_offered=bool(bindings))
        return _Scram(self, domain, wire.peer, mechanism, server)

    async def keys(self, account: Jid | None, name: str, mechanism: str) -> tuple[ScramKeys, bool]:
        """The account's keys for a mechanism, or invented ones; and whether they are real."""
        found: Sequence[ScramKeys] = await self.accounts.keys(account.bare) if account is not None else ()
        for keys in found:
            if keys.mechanism == mechanism:
                return keys, True
        who = account.bare if account is not None else name
        return scram.invented(mechanism, await self.accounts.secret(), who, self.iterations), False

    async def admit(self, account: Jid | None, peer: str) -> None:
        """Raise SaslFailure when too many logins to this account or from this address have failed."""
        limits = [(f"login-from:{peer}", self._limits.per_address)]
        if account is not None:
            limits.append((f"login:{account.bare}", self._limits.per_account))
        if not await self._rates.allowed(*limits):
            raise _too_many()

    async def failed(self, account: Jid | None, peer: str) -> None:
        """Note a failed login; raises SaslFailure when there were too many before it."""
        few = await self._rates.take(f"login-from:{peer}", self._limits.per_address, _MINUTE)
        if account is not None:
            few &= await self._rates.take(f"login:{account.bare}", self._limits.per_account, _MINUTE)
        if not few:
            raise _too_many()


def _too_many() -> SaslFailure:
    return SaslFailure("temporary-auth-failure", "too many failed logins")


class Exchange:
    """One login in progress. `candidate` is who wants in, once that is known; `account` who has got in."""

    def __init__(self, authenticator: Authenticator, domain: str, peer: str, mechanism: str) -> None:
        """`domain` is the stream's, `peer` the client's address."""
        self.mechanism = mechanism
        self._authenticator = authenticator
        self._domain = domain
        self._peer = peer
        self._turns: Callable[[bytes], Awaitable[Challenge | Success]] = self._first
        self.candidate: Jid | None = None
        self._begun = False
        self.began = time.monotonic()
        self.account: Jid | None = None

    async def turn(self, text: str | None) -> Challenge | Success:
        """Take a message of the client's, as its element's text; raises SaslFailure."""
        data = sasl.decode(text)
        first, self._begun = not self._begun, True
        if data is None and first:
            return Challenge(b"")  # RFC 6120 section 6.4.2: no initial response, so ask for it
        try:
            return await self._turns(data or b"")
        except SaslFailure as failure:
            if failure.condition == "not-authorized":
                await self._authenticator.failed(self.candidate, self._peer)
            raise

    async def _first(self, data: bytes) -> Challenge | Success:
        raise NotImplementedError

    async def _name(self, name: str, authzid: str) -> None:
        """Find out who wants in; raises SaslFailure."""
        try:
            self.candidate = Jid.account(name, self._domain)
        except JidMalformed:
            self.candidate = None  # cannot exist; goes the way of an unknown account
        await self._authenticator.admit(self.candidate, self._peer)
        if authzid and not self._is_own(authzid):
            raise SaslFailure("invalid-authzid")  # RFC 6120 section 6.3.8: nobody acts for others

    def _is_own(self, authzid: str) -> bool:
        try:
            return self.candidate is not None and Jid.parse(authzid) == self.candidate
        except JidMalformed:
            return False

    async def _succeed(self, data: bytes | None) -> Success:
        # Tries at once are all admitted before the first has failed. Looked at again here, and counted where
        # they fail, no more of them can tell a right guess from a wrong one than of tries one by one.
        await self._authenticator.admit(self.candidate, self._peer)
        self.account = self.candidate
        return Success(data)


class _Plain(Exchange):
    async def _first(self, data: bytes) -> Challenge | Success:
        authzid, name, password = sasl.plain(data)
        await self._name(name, authzid)
        keys, real = await self._authenticator.keys(self.candidate, name, _PLAIN_CHECKED_WITH)
        prepared = scram.prepare_password(password)
        loop = asyncio.get_running_loop()
        fits = await loop.run_in_executor(self._authenticator.executor, scram.verify, keys, prepared)
        if not (fits and real):
            raise SaslFailure("not-authorized")
        return await self._succeed(None)


class _Scram(Exchange):
    def __init__(
        self, authenticator: Authenticator, domain: str, peer: str, mechanism: str, server: ScramServer
    ) -> None:
        super().__init__(authenticator, domain, peer, mechanism)
        self._hash = mechanism.removesuffix("-PLUS")
        self._server = server
        self._real = False

    async def _first(self, data: bytes) -> Challenge | Success:
        self._server.first(data)
        await self._name(self._server.name, self._server.authzid)
        keys, self._real = await self._authenticator.keys(self.candidate, self._server.name, self._hash)
        self._turns = self._final
        return Challenge(self._server.challenge(keys))

    async def _final(self, data: bytes) -> Challenge | Success:
        signature = self._server.final(data)
        if not self._real:
            raise SaslFailure("not-authorized")
        return await self._succeed(signature)
