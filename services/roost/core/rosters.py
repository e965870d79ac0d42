"""Roster items as clients see them, and pushes of them (RFC 6121 section 2.1)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from roost.core.ports import Bus, Choice, Registry, RosterChange, RosterItem
from roost.protocol import namespaces as ns
from roost.protocol.envelope import PART
from roost.protocol.xml import Element, element, escape_attribute, serialise


def visible(item: RosterItem | None) -> bool:
    """Whether the user sees the item.

    One that only remembers a request which waits for an answer is not part of the roster
    (RFC 6121 section 2.1.2.5 and appendix A.1: "None + Pending In").
    """
    return item is not None and (item.listed or item.subscription != "none" or item.ask or item.approved)


def item_element(item: RosterItem) -> Element:
    """The item as it stands in a roster result or push."""
    attributes = {"jid": item.contact, "subscription": item.subscription}
    if item.name:
        attributes["name"] = item.name
    if item.ask:
        attributes["ask"] = "subscribe"  # RFC 6121 section 2.1.2.2
    if item.approved:
        attributes["approved"] = "true"  # section 2.1.2.1
    groups = [element("group", ns.ROSTER, text=group) for group in item.groups]
    return element("item", ns.ROSTER, attributes, *groups)


def removed_element(contact: str) -> Element:
    """The item that says that a contact is no longer in the roster."""
    return element("item", ns.ROSTER, {"jid": contact, "subscription": "remove"})


def pushed_element(contact: str, change: RosterChange) -> Element | None:
    """What a change looks like to the user; None when it cannot be seen."""
    before, after = change.before, change.after
    if after is not None and visible(after):
        if before is not None and visible(before) and _shown(before) == _shown(after):
            return None
        return item_element(after)
    return removed_element(contact) if visible(before) else None


def write_removed(item: RosterItem) -> str:
    """A removed item's subscription as the presence service hears of it (entry `roster-removed`)."""
    flags = "a" * item.ask + "p" * item.pending_in + "y" * item.approved
    return PART.join([item.contact, item.subscription, flags or "-"])


def read_removed(text: str) -> RosterItem:
    """The inverse of `write_removed`, as far as the subscription goes."""
    contact, subscription, flags, *_newer = text.split(PART)
    return RosterItem(
        contact, subscription=subscription, ask="a" in flags, pending_in="p" in flags, approved="y" in flags
    )


class Pushed(NamedTuple):
    """A change that is to be pushed."""

    owner: str
    contact: str
    change: RosterChange
    again: bool = False
    """Whether it may have been made before, by somebody who did not come to push it: then it is pushed
    though it changed nothing now."""


class RosterPushes:
    """Tells all of an account's interested sessions, wherever they are, of changes."""

    def __init__(self, registry: Registry, bus: Bus) -> None:
        """Sessions are looked up in the registry anew for each push."""
        self._registry = registry
        self._bus = bus

    async def push(self, changes: Sequence[Pushed]) -> None:
        """Push changes that the store has committed, in order; raises BusUnavailable.

        A session is entered as interested before it reads its roster, and looked up here after the
        change: so it finds the change in the roster or gets the push, or both.
        """
        seen = [(one, _element(one)) for one in changes]
        owners = list({one.owner for one, item in seen if item is not None})
        if not owners:
            return
        records = dict(zip(owners, await self._registry.sessions(owners), strict=True))
        for (owner, _contact, change, _again), item in seen:
            if item is None:
                continue
            for record in records[owner]:
                if record.interested and not record.ended:
                    self.send(owner, record.resource, item, change.version)

    def send(self, owner: str, resource: str, item: Element, version: int) -> None:
        """Push an item to one session."""
        # RFC 6121 section 2.1.6: to the full JID of each interested resource, with an id of its own
        to = escape_attribute(f"{owner}/{resource}")
        head = f"<iq type='set' id='push-{secrets.token_hex(6)}' to='{to}'>".encode()
        query = serialise(element("query", ns.ROSTER, {"ver": str(version)}, item))
        stanza = head + query + b"</iq>"
        self._bus.deliver(owner, Choice.RESOURCE.value, resource, stanza, _gone, store=False)


def _element(pushed: Pushed) -> Element | None:
    item = pushed.change.after
    if pushed.again and item is not None and visible(item):
        return item_element(item)
    return pushed_element(pushed.contact, pushed.change)


def _shown(item: RosterItem) -> Sequence[object]:
    return item.name, item.groups, item.subscription, item.ask, item.approved


def _gone(_taken: Any) -> None:
    """A session that has gone, or that Redis could not be asked for, sees the change when it next asks for
    what is new (RFC 6121 section 2.6): the store has it."""
