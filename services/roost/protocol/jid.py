"""JIDs: `local@domain/resource`, prepared and compared by RFC 7622."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address

import idna
from precis_i18n import get_profile

from roost.protocol.errors import JidMalformed

_PART_LIMIT = 1023  # bytes of UTF-8 (RFC 7622 sections 3.2 to 3.4)
_NOT_IN_LOCALPART = frozenset("\"&'/:<>@")  # RFC 7622 section 3.3.1
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_CACHE = 16384
_CACHED_LENGTH = 128  # characters; longer ones are rare, and strangers must not fill the memory with them
_LABEL_LIMIT = 63  # RFC 1035 section 2.3.4
_localpart_profile = get_profile("UsernameCaseMapped")
_resource_profile = get_profile("OpaqueString")


class Jid:
    """A JID in its prepared form. Immutable; equal when all three parts are.

    `local` and `resource` are None where there is none. `bare` and `full` are text.
    """

    __slots__ = ("bare", "domain", "full", "local", "resource")

    def __init__(self, local: str | None, domain: str, resource: str | None = None) -> None:
        """Takes parts that are prepared already; strangers' text goes through `Jid.parse`."""
        self.local = local
        self.domain = domain
        self.resource = resource
        self.bare = f"{local}@{domain}" if local is not None else domain
        self.full = f"{self.bare}/{resource}" if resource is not None else self.bare

    @staticmethod
    def parse(text: str) -> Jid:
        """The JID that `text` says; raises JidMalformed. Results are kept, so that parsing is cheap."""
        return _parse(text) if len(text) <= _CACHED_LENGTH else _parse.__wrapped__(text)

    @staticmethod
    def account(local: str, domain: str) -> Jid:
        """The bare JID of an account by its name as a user would type it; raises JidMalformed."""
        return Jid(prepare_local(local), domain)

    def bare_jid(self) -> Jid:
        """This JID without its resource."""
        return self if self.resource is None else Jid(self.local, self.domain)

    def with_resource(self, resource: str) -> Jid:
        """This account's JID with a resource that is prepared already."""
        return Jid(self.local, self.domain, resource)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Jid) and self.full == other.full

    def __hash__(self) -> int:
        return hash(self.full)

    def __str__(self) -> str:
        return self.full

    def __repr__(self) -> str:
        return f"Jid({self.full!r})"


@lru_cache(_CACHE)
def _parse(text: str) -> Jid:
    # RFC 7622 section 3.1: the resource begins at the first slash, then the local part ends at the first @
    rest, slash, resource = text.partition("/")
    local, at, domain = rest.partition("@")
    if not at:
        local, domain = "", rest
    elif not local:
        raise JidMalformed("an empty local part")
    if slash and not resource:
        raise JidMalformed("an empty resource")
    return Jid(
        prepare_local(local) if at else None,
        prepare_domain(domain),
        prepare_resource(resource) if slash else None,
    )


def prepare_local(text: str) -> str:
    """A local part in its prepared form (RFC 7622 section 3.3); raises JidMalformed."""
    plain = text and _PLAIN.issuperset(text)
    prepared = text if plain else _enforced(_localpart_profile, text)
    if not _NOT_IN_LOCALPART.isdisjoint(prepared):
        raise JidMalformed("a character that a local part cannot have")
    return _bounded(prepared)


def prepare_domain(text: str) -> str:
    """A domain in its prepared form (RFC 7622 section 3.2); raises JidMalformed."""
    if text.startswith("["):
        return _address(text)
    name = text.lower() if text.isascii() else text
    # section 3.2.1: U-labels are the canonical form, so an A-label is not left as it is
    if not _PLAIN.issuperset(name) or "xn--" in name:
        name = _international(name)
    name = name.removesuffix(".")
    if not all(0 < len(label) <= _LABEL_LIMIT for label in name.split(".")):
        raise JidMalformed("a domain with a label that is empty or longer than 63 characters")
    return _bounded(name)


def _international(name: str) -> str:
    try:
        return idna.decode(idna.encode(name, uts46=True))
    except UnicodeError as error:  # IDNAError is one; punycode raises others
        raise JidMalformed(str(error)) from error


def _address(text: str) -> str:
    """An IPv6 address in brackets (RFC 7622 section 3.2), in its one short form; no zone."""
    try:
        # a zone may hold any character, and means nothing on another machine
        if not text.endswith("]") or "%" in text:
            raise JidMalformed("no IPv6 address in brackets")
        return f"[{IPv6Address(text[1:-1]).compressed}]"
    except ValueError as error:
        raise JidMalformed(str(error)) from error


def prepare_resource(text: str) -> str:
    """A resource in its prepared form (RFC 7622 section 3.4); raises JidMalformed."""
    if text.isascii() and text.isprintable() and text:
        return _bounded(text)
    return _bounded(_enforced(_resource_profile, text))


def _enforced(profile: object, text: str) -> str:
    try:
        return profile.enforce(text)  # type: ignore[attr-defined, no-any-return]
    except UnicodeError as error:
        raise JidMalformed(str(error)) from error


def _bounded(part: str) -> str:
    if not part or len(part.encode()) > _PART_LIMIT:
        raise JidMalformed("a part that is empty or longer than 1023 bytes")
    return part
