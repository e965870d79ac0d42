"""XEP-0160: messages for those who are not there, kept and handed over when somebody comes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

from roost.core.features import Feature
from roost.core.ports import BusUnavailable, OfflineMessage, OfflinePassage, StoreUnavailable
from roost.core.ports import OfflineMessages as Store
from roost.core.router import AbsentMessage
from roost.protocol import namespaces as ns
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.stanza import error_reply
from roost.protocol.timestamps import format_timestamp
from roost.protocol.xml import child, escape_attribute, parse, split_name
from roost.runtime.figures import Figures
from roost.runtime.logging import concerning

_FETCHED = 100  # messages read from the store at once
_RETRIES = 30
_RETRY_SECONDS = 1.0

_CHAT_STATES = ns.CHAT_STATES.encode()
_HINTS = ns.HINTS.encode()

OnBug = Callable[[str, Exception], None]


class OfflineMessages(Feature):
    """Keeps messages that no session took, and hands them over."""

    xep = "XEP-0160"
    server_features = (ns.OFFLINE,)

    def __init__(self, store: Store, passage: OfflinePassage, on_bug: OnBug) -> None:
        """`passage` guards the order between kept and live messages, and that none is handed over twice."""
        self._store = store
        self._passage = passage
        self._on_bug = on_bug
        self._draining: dict[str, bool] = {}  # account -> whether to look once more
        self._outcomes: Counter[str] = Counter()

    def figures(self) -> Figures:
        """See runtime.figures. A message is `stored`, its account `full` or `unknown`, the database `failed`;
        it is `refused` with an error, `dropped` without; and once `delivered`."""
        outcomes = self._outcomes
        return {
            "offline_messages": outcomes,
            "drops": lambda: {"message-not-kept": outcomes["dropped"], "offline-full": outcomes["full"]},
        }

    # --- in ---

    def absent(self, message: AbsentMessage) -> None:
        """Keep a message that the bus found nobody for, or answer why not. Never blocks."""
        self._keep(message, _stamped(message), _ignore)

    async def kept(self, message: AbsentMessage) -> None:
        """`absent` for what waited in the queue of a session that ended; returns when it is settled."""
        settled = asyncio.Event()
        self._keep(message, _stamped_once(message), settled.set)
        await settled.wait()

    def _keep(self, message: AbsentMessage, stamped: bytes, settled: Callable[[], None]) -> None:
        refusal = _why_not(message)
        if refusal is not None:
            self._settle(message, refusal, settled)
            return
        self._store.store(message.to.bare, stamped, lambda outcome: self._settle(message, outcome, settled))

    def _settle(self, message: AbsentMessage, outcome: str, settled: Callable[[], None]) -> None:
        self._outcomes[outcome] += 1
        self._passage.stored(message.to.bare, failed=int(outcome != "stored"))
        error = _ERRORS.get(outcome)
        if error is not None:
            message.reply(error_reply(message.stanza, error, message.sender.full))
        settled()

    # --- out ---

    async def drain(self, account: Jid) -> None:
        """Hand all that is kept to the account's most available sessions; may run on many pods at once.

        Messages stay where they are while Redis or PostgreSQL is away; after a while this gives up, and the
        next session that comes begins anew.
        """
        bare = account.bare
        if bare in self._draining:
            self._draining[bare] = True
            return
        self._draining[bare] = True
        try:
            while self._draining[bare]:
                self._draining[bare] = False
                await self._drain_patiently(bare)
        finally:
            del self._draining[bare]

    async def _drain_patiently(self, bare: str) -> None:
        for _ in range(_RETRIES):
            try:
                while await self._hand_over(bare):
                    pass
            except (BusUnavailable, StoreUnavailable):
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                return
        with concerning(jid=bare):
            self._on_bug("offline messages", TimeoutError("could not hand them over"))

    async def _hand_over(self, bare: str) -> bool:
        """Hand over the oldest messages; says whether there may be more for somebody who is there."""
        messages = await self._store.fetch(bare, _FETCHED)
        gone = await self._hand_on_each(bare, messages)
        if gone:
            # They are in queues and marked as handed on, so that dying here repeats nothing.
            await self._store.remove(bare, gone)
            await self._passage.drained(bare, gone)
        return bool(messages) and len(gone) == len(messages)

    async def _hand_on_each(self, bare: str, messages: list[OfflineMessage]) -> list[int]:
        """Hand on one after another, in the order they came, until nobody is there to take them."""
        gone: list[int] = []
        for message in messages:
            taken = await self._passage.hand_on(bare, message.id, message.raw)
            if taken == 0:
                break
            if taken > 0:
                self._outcomes["delivered"] += 1
            gone.append(message.id)
        return gone


_UNAVAILABLE = StanzaError("service-unavailable")
_ERRORS = {
    # RFC 6121 sections 8.5.1 and 8.5.2.2.1: the same answer, so that it does not tell who has an account
    "full": _UNAVAILABLE,
    "unknown": _UNAVAILABLE,
    "refused": _UNAVAILABLE,
    "failed": StanzaError("resource-constraint", "the server's database cannot be reached"),
}


def _why_not(message: AbsentMessage) -> str | None:
    """Why a message is not kept: `dropped` when it meant something only then, `refused` when its sender
    has to know; None for one that is to be kept (XEP-0160 section 3)."""
    stanza = message.stanza
    if stanza.type in {"groupchat", "headline", "error"}:
        return "refused" if stanza.type == "groupchat" else "dropped"
    if stanza.payload is None:
        return "dropped"
    if _CHAT_STATES not in message.stamped and _HINTS not in message.stamped:
        return None
    tree = parse(message.stamped)
    if child(tree, "no-store", ns.HINTS) is not None:  # XEP-0334 section 4.2
        return "refused" if child(tree, "body", ns.CLIENT) is not None else "dropped"
    meant = [one for one in tree if one.tag != f"{{{ns.CLIENT}}}thread"]
    if all(split_name(one.tag)[0] in {ns.CHAT_STATES, ns.HINTS} for one in meant):
        return "dropped"
    return None


def _stamped(message: AbsentMessage) -> bytes:
    """The message with the time at which it came here (XEP-0203)."""
    raw = message.stamped
    end = raw.rfind(b"</")
    if end < 0:
        return raw  # without content; it is not kept
    now = format_timestamp(datetime.now(UTC))
    return raw[:end] + f"{_delay_from(message)} stamp='{now}'/>".encode() + raw[end:]


def _stamped_once(message: AbsentMessage) -> bytes:
    """`_stamped`, unless it had been kept before: then the first time counts."""
    return message.stamped if _delay_from(message).encode() in message.stamped else _stamped(message)


def _delay_from(message: AbsentMessage) -> str:
    return f"<delay xmlns='{ns.DELAY}' from='{escape_attribute(message.to.domain)}'"


def _ignore() -> None:
    pass
