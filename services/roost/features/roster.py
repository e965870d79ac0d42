"""The roster as its owner's clients read and write it (RFC 6121 section 2, XEP-0237)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from roost.core.features import Feature, IqRequest, iq
from roost.core.ports import Bus, Registry, RosterItem, Rosters, ServiceStream
from roost.core.rosters import (
    Pushed,
    RosterPushes,
    item_element,
    removed_element,
    visible,
    write_removed,
)
from roost.core.session import LocalSessions
from roost.protocol import namespaces as ns
from roost.protocol.envelope import NOTHING, PresenceEntry, encode_entry, now
from roost.protocol.errors import JidMalformed, StanzaError
from roost.protocol.jid import Jid
from roost.protocol.xml import Element, element

_NAME_BYTES = 1023
_GROUPS = 50
_PUSHED_CHANGES = 50  # more changes than that, and the whole roster is sent instead


class RosterRegistry(Registry, Protocol):
    """What the roster needs of the registry."""

    async def interested(self, jid: Jid, sid: str) -> None:
        """See core.ports.SessionRegistry."""
        ...


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A roster set that was checked."""

    contact: str
    name: str
    groups: tuple[str, ...]
    remove: bool


class Roster(Feature):
    """Roster get and set, with versions."""

    xep = "XEP-0237"

    def __init__(
        self,
        rosters: Rosters,
        registry: RosterRegistry,
        bus: Bus,
        presence: ServiceStream,
        sessions: LocalSessions,
        *,
        items: int = 2000,
    ) -> None:
        """`items` bounds one roster; `presence` hears of removed contacts."""
        self._rosters = rosters
        self._registry = registry
        self._presence = presence
        self._sessions = sessions
        self._pushes = RosterPushes(registry, bus)
        self._limit = items

    def stream_features(self) -> Iterable[Element]:
        """Versioning and pre-approval (RFC 6121 sections 2.6.1 and 3.4)."""
        yield element("ver", ns.ROSTER_VERSIONING)
        yield element("sub", ns.SUBSCRIPTION_PRE_APPROVAL)

    @iq("get", ns.ROSTER, "query")
    async def get(self, request: IqRequest) -> Element | None:
        """The roster, or what has changed since the version the client has (sections 2.1.4 and 2.6.3)."""
        _only_own(request)
        owner = request.sender.bare
        # noted before the roster is read: a change from now on is pushed, one before is in what is read
        await self._interested(request)
        known = request.payload.get("ver")
        if known is not None and known.isdecimal():
            changes = await self._rosters.changes(owner, int(known))
            if changes is not None and len(changes) <= _PUSHED_CHANGES:
                # the client gets an empty result at once, the pushes behind it through its queue
                self._push_changes(request.sender, changes)
                return None
        return await self._whole(owner)

    @iq("set", ns.ROSTER, "query")
    async def set(self, request: IqRequest) -> None:
        """Add, change or remove one contact (sections 2.3 to 2.5)."""
        _only_own(request)
        wanted = _checked(request)
        try:
            if wanted.remove:
                await self._remove(request.sender.bare, wanted.contact)
            else:
                await self._put(request.sender.bare, wanted)
        except KeyError:
            raise StanzaError("item-not-found", "the account has been removed") from None

    async def leave(self, owner: str) -> None:
        """Cancel all subscriptions of an account that is about to be removed (XEP-0077 section 3.2).

        Raises BusUnavailable, StoreUnavailable.
        """
        [items] = await self._rosters.load([owner])
        for item in items:
            await self._cancel(owner, item)

    async def _interested(self, request: IqRequest) -> None:
        if request.sid is None:
            return
        await self._registry.interested(request.sender, request.sid)
        session = self._sessions.get(request.sid)
        if session is not None:
            session.interested = True

    async def _whole(self, owner: str) -> Element:
        # the version first: a roster that is newer than its version only costs a push that says nothing new
        version = await self._rosters.version(owner)
        [items] = await self._rosters.load([owner])
        shown = [item_element(item) for item in items if visible(item)]
        return element("query", ns.ROSTER, {"ver": str(version)}, *shown)

    def _push_changes(self, to: Jid, changes: list[tuple[int, RosterItem | str]]) -> None:
        for version, what in changes:
            item = removed_element(what) if isinstance(what, str) else item_element(what)
            self._pushes.send(to.bare, to.resource or "", item, version)

    async def _put(self, owner: str, wanted: _Wanted) -> None:
        if not visible(await self._rosters.item(owner, wanted.contact)):
            await self._check_room(owner)
        change = await self._rosters.change(owner, wanted.contact, _writer(wanted))
        await self._pushes.push([Pushed(owner, wanted.contact, change)])

    async def _check_room(self, owner: str) -> None:
        [items] = await self._rosters.load([owner])
        if sum(map(visible, items)) >= self._limit:
            raise StanzaError(
                "resource-constraint", f"a roster has {self._limit} contacts at most", type="cancel"
            )

    async def _remove(self, owner: str, contact: str) -> None:
        item = await self._rosters.item(owner, contact)
        if item is None or not visible(item):
            raise StanzaError("item-not-found")  # section 2.5.3
        # First told, then done: should this process die in between, the presence service removes it.
        await self._cancel(owner, item)
        change = await self._rosters.change(owner, contact, _nothing)
        await self._pushes.push([Pushed(owner, contact, change)])

    async def _cancel(self, owner: str, item: RosterItem) -> None:
        """Have the subscriptions both ways cancelled (section 2.5.2), where there are any."""
        if item.subscription == "none" and not item.ask and not item.pending_in:
            return
        entry = PresenceEntry("roster-removed", owner, NOTHING, now(), write_removed(item), b"")
        await self._presence.append(owner, encode_entry(entry))


def _only_own(request: IqRequest) -> None:
    if not request.own:
        raise StanzaError("forbidden")  # RFC 6121 section 2.3.3


def _checked(request: IqRequest) -> _Wanted:
    """The one item of a roster set; raises StanzaError for each mistake of section 2.3.3."""
    items = list(request.payload)
    if len(items) != 1 or items[0].tag != f"{{{ns.ROSTER}}}item":
        raise StanzaError("bad-request", "a roster set has one item")
    item = items[0]
    contact = _contact(item.get("jid"))
    if contact == request.sender.bare:
        raise StanzaError("not-allowed", "an account is not a contact of its own")
    remove = item.get("subscription") == "remove"  # section 2.1.2.5: other values are ignored
    name = item.get("name", "")
    if len(name.encode()) > _NAME_BYTES:
        raise StanzaError("not-acceptable", "the name is too long")
    return _Wanted(contact, name, _groups(item), remove)


def _contact(text: str | None) -> str:
    if text is None:
        raise StanzaError("bad-request", "an item has a jid")
    try:
        jid = Jid.parse(text)
    except JidMalformed as error:
        raise StanzaError("jid-malformed", str(error)) from None
    if jid.resource is not None:
        raise StanzaError("bad-request", "a contact is a bare JID")
    return jid.bare


def _groups(item: Element) -> tuple[str, ...]:
    groups = [group.text or "" for group in item.findall(f"{{{ns.ROSTER}}}group")]
    if len(set(groups)) != len(groups):
        raise StanzaError("bad-request", "a group is named twice")
    if len(groups) > _GROUPS or any(not 0 < len(group.encode()) <= _NAME_BYTES for group in groups):
        raise StanzaError("not-acceptable", "too many groups, or a group's name is empty or too long")
    return tuple(groups)


def _writer(wanted: _Wanted) -> Callable[[RosterItem | None], RosterItem]:
    def write(item: RosterItem | None) -> RosterItem:
        # the subscription is not the client's to write: it changes by presence stanzas alone
        old = item or RosterItem(wanted.contact)
        return replace(old, name=wanted.name, groups=wanted.groups, listed=True)

    return write


def _nothing(_item: RosterItem | None) -> None:
    return None
