"""XEP-0077: In-Band Registration: a new account, a new password, and the end of an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any

from roost.core.features import Feature, IqRequest, iq
from roost.core.ports import Accounts, BusUnavailable, RateLimit, StoreUnavailable
from roost.core.removal import AccountRemoval
from roost.protocol import namespaces as ns
from roost.protocol import scram
from roost.protocol.errors import JidMalformed, SaslFailure, StanzaError
from roost.protocol.jid import Jid
from roost.protocol.scram import ScramKeys
from roost.protocol.xml import Element, child, element
from roost.runtime.logging import logger

_log = logger("roost.accounts")
_MINUTE = 60
_INSTRUCTIONS = "Choose a user name and a password."


class Registration(Feature):
    """Makes, changes and removes accounts for their owners."""

    xep = "XEP-0077"
    server_features = (ns.REGISTER,)

    def __init__(
        self,
        accounts: Accounts,
        rates: RateLimit,
        executor: Executor,
        removal: AccountRemoval,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        count: Callable[[str], None],
        *,
        iterations: int,
        per_minute: int,
    ) -> None:
        """Passwords are hashed in `executor`; `spawn` runs what follows an answer. `count` hears what became
        of each wish for an account: `success`, an error's condition or `unavailable`. `per_minute` bounds
        new accounts, cluster-wide."""
        self._accounts = accounts
        self._rates = rates
        self._executor = executor
        self._removal = removal
        self._spawn = spawn
        self._count = count
        self._iterations = iterations
        self._per_minute = per_minute

    async def before_login(self, type: str, query: Element, domain: str) -> Element | None:
        """Answer an iq on a stream that has not logged in (XEP-0077 section 3.1); raises StanzaError."""
        if type == "get":
            return _form()
        if type != "set":
            raise StanzaError("bad-request")  # an answer makes no account
        try:
            await self._create(query, domain)
        except StanzaError as error:
            self._count(error.condition)
            raise
        except (BusUnavailable, StoreUnavailable):
            self._count("unavailable")
            raise
        self._count("success")
        return None

    async def _create(self, query: Element, domain: str) -> None:
        if child(query, "remove", ns.REGISTER) is not None:
            raise StanzaError("unexpected-request")  # section 3.2: who has not logged in removes nothing
        name, password = _filled_in(query, "not-acceptable")
        try:
            account = Jid.account(name, domain)
        except JidMalformed as error:
            raise StanzaError("not-acceptable", str(error)) from None
        if not await self._rates.take("registrations", self._per_minute, _MINUTE):
            raise StanzaError("resource-constraint", "too many new accounts; try again later")
        if not await self._accounts.create(account.bare, await self._keys(password)):
            raise StanzaError("conflict")
        _log.info("account made", jid=account.bare)

    @iq("get", ns.REGISTER, "query", to="server")
    @iq("get", ns.REGISTER, "query")
    async def show(self, request: IqRequest) -> Element:
        """That the account exists, and under which name (XEP-0077 section 3.1)."""
        self._only_own(request)
        registered = element("registered", ns.REGISTER)
        name = element("username", ns.REGISTER, text=request.sender.local)
        return element("query", ns.REGISTER, None, registered, name, element("password", ns.REGISTER))

    @iq("set", ns.REGISTER, "query", to="server")
    @iq("set", ns.REGISTER, "query")
    async def change(self, request: IqRequest) -> None:
        """A new password (XEP-0077 section 3.3), or the account's end (section 3.2)."""
        self._only_own(request)
        if child(request.payload, "remove", ns.REGISTER) is not None:
            await self._remove(request)
            return
        name, password = _filled_in(request.payload, "bad-request")
        if not _names(name, request.sender):
            raise StanzaError("not-allowed", "another account's password")
        if not await self._accounts.set_keys(request.sender.bare, await self._keys(password)):
            raise StanzaError("unexpected-request", "the account has been removed")  # section 3.3
        _log.info("password changed", jid=request.sender.bare, sid=request.sid)

    async def _remove(self, request: IqRequest) -> None:
        if len(request.payload) != 1:
            raise StanzaError("bad-request", "remove stands alone")
        await self._removal.remove(request.sender.bare)
        _log.info("account removed", jid=request.sender.bare, sid=request.sid)
        # section 3.2 has the server end the streams once it has answered, which takes no round trip
        self._spawn(self._removal.close_sessions(request.sender.bare))

    async def _keys(self, password: str) -> list[ScramKeys]:
        try:
            prepared = scram.prepare_password(password)
        except SaslFailure:
            raise StanzaError("not-acceptable", "not a password") from None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, scram.derive_all, prepared, self._iterations)

    def _only_own(self, request: IqRequest) -> None:
        if request.to is not None and request.to.local is not None and not request.own:
            raise StanzaError("forbidden")


def _names(name: str, account: Jid) -> bool:
    try:
        return Jid.account(name, account.domain).bare == account.bare
    except JidMalformed:
        return False


def _form() -> Element:
    return element(
        "query",
        ns.REGISTER,
        None,
        element("instructions", ns.REGISTER, text=_INSTRUCTIONS),
        element("username", ns.REGISTER),
        element("password", ns.REGISTER),
    )


def _filled_in(query: Element, lacking: str) -> tuple[str, str]:
    """Name and password, from the fields or from a data form with the same names (section 4).

    Raises StanzaError of the condition `lacking` when one is not there: sections 3.1 and 3.3 differ in it.
    """
    values = {one.tag.rpartition("}")[2]: one.text or "" for one in query}
    form = child(query, "x", ns.DATA_FORMS)
    if form is not None:
        for field in form.iter(f"{{{ns.DATA_FORMS}}}field"):
            values[field.get("var", "")] = field.findtext(f"{{{ns.DATA_FORMS}}}value") or ""
    name, password = values.get("username", ""), values.get("password", "")
    if not name or not password:
        raise StanzaError(lacking, "a name and a password are needed")
    return name, password
