"""What a feature is, and how its handlers are found: by the decorators on its methods.

A feature is a plain class; a role lists its features, and the list's order is the order in
which they are asked. Nothing registers itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from roost.protocol.jid import Jid
from roost.protocol.xml import Element

_MARK = "__roost_iq__"


@dataclass(frozen=True, slots=True)
class IqRequest:
    """An iq of type get or set for the server or for an account that the server answers for."""

    sender: Jid
    """The full JID of who asks."""
    to: Jid | None
    """Whom it is addressed to; None counts as the sender's own account (RFC 6120 section 10.3.3)."""
    type: str
    id: str
    payload: Element
    """The one child, as a tree."""
    sid: str | None
    """The asking session's id when it is a client's of ours."""

    @property
    def account(self) -> Jid:
        """The bare JID of the account the request is about."""
        return (self.to or self.sender).bare_jid()

    @property
    def own(self) -> bool:
        """Whether somebody asks about their own account."""
        return self.to is None or self.to.bare == self.sender.bare


IqHandler = Callable[[IqRequest], Awaitable[Element | None]]


class IqKey(NamedTuple):
    """What an iq handler answers."""

    addressee: str
    """`server` (the domain itself) or `account` (a bare JID of ours, or no `to`)."""
    type: str
    namespace: str
    name: str


class Feature:
    """The base of all features: a XEP's number and what service discovery says of it."""

    xep: str = ""
    """Such as `XEP-0199`; for documents and logs."""
    server_features: tuple[str, ...] = ()
    """disco#info features of the server's domain."""
    account_features: tuple[str, ...] = ()
    """disco#info features of each account."""

    def stream_features(self) -> Iterable[Element]:
        """What is added to the features of an authenticated stream (RFC 6120 section 4.3.2)."""
        return ()


_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def iq(type: str, namespace: str, name: str, *, to: str = "account") -> Callable[[_Handler], _Handler]:
    """Mark an `async def handler(self, request: IqRequest) -> Element | None` for these iqs.

    `to` is `server` or `account`. The handler returns the result's payload or raises StanzaError.
    """

    def mark(handler: _Handler) -> _Handler:
        keys = [*getattr(handler, _MARK, ()), IqKey(to, type, namespace, name)]
        setattr(handler, _MARK, keys)
        return handler

    return mark


def iq_handlers(features: Iterable[Feature]) -> dict[IqKey, IqHandler]:
    """The marked handlers of all features; ValueError when two answer the same."""
    table: dict[IqKey, IqHandler] = {}
    for feature in features:
        for key, handler in _marked(feature):
            if key in table:
                raise ValueError(f"two features answer {key}")
            table[key] = handler
    return table


def _marked(feature: Feature) -> Iterator[tuple[IqKey, IqHandler]]:
    for name in dir(type(feature)):
        for key in getattr(getattr(type(feature), name), _MARK, ()):
            yield key, getattr(feature, name)
