"""Iqs for the server and for accounts: to the feature that answers (RFC 6120 section 8.2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from roost.core.features import Feature, IqHandler, IqRequest, iq_handlers
from roost.core.ports import BusUnavailable, StoreUnavailable
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.stanza import Stanza, error_reply, iq_result
from roost.runtime.logging import concerning

OnBug = Callable[[str, Exception], None]


class IqDispatcher:
    """Finds the handler, and makes a reply of what it returns or raises."""

    def __init__(self, features: Iterable[Feature], on_bug: OnBug) -> None:
        """`on_bug` hears where a handler failed in a way that is ours to mend."""
        self._handlers: dict[tuple[str, str, str], IqHandler] = {
            (key.addressee, key.type, f"{key.namespace}}}{key.name}"): handler
            for key, handler in iq_handlers(features).items()
        }
        self._on_bug = on_bug

    async def answer(self, stanza: Stanza, sender: Jid, to: Jid | None, sid: str) -> bytes:
        """The reply to an iq of type get or set, whatever happens."""
        try:
            return await self._answer(stanza, sender, to, sid)
        except StanzaError as error:
            return error_reply(stanza, error, sender.full)
        except (BusUnavailable, StoreUnavailable):
            wait = StanzaError("resource-constraint", "the server's database cannot be reached")
            return error_reply(stanza, wait, sender.full)
        except Exception as bug:  # contained to this one iq, and never shown to the peer
            with concerning(jid=sender.full, sid=sid, stanza=stanza.id):
                self._on_bug(f"iq {stanza.payload}", bug)
            return error_reply(stanza, StanzaError("internal-server-error"), sender.full)

    async def _answer(self, stanza: Stanza, sender: Jid, to: Jid | None, sid: str) -> bytes:
        if stanza.payload is None:
            raise StanzaError("bad-request", "an iq has one child")  # RFC 6120 section 8.2.3
        addressee = "server" if to is not None and to.local is None else "account"
        handler = self._handlers.get((addressee, stanza.type or "", stanza.payload))
        if handler is None:
            raise StanzaError("service-unavailable")  # RFC 6120 section 8.4
        tree = stanza.tree()
        if len(tree) != 1:
            raise StanzaError("bad-request", "an iq has one child")
        request = IqRequest(sender, to, stanza.type or "", stanza.id or "", tree[0], sid)
        result = await handler(request)
        return iq_result(stanza.id or "", sender.full, stanza.to, result)
