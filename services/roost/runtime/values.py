"""Kinds of settings that are more than a number or a word: each is checked, and says what it should be."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated
from urllib.parse import quote

import idna
from pydantic import AfterValidator

_DOMAIN = re.compile(r"[a-z0-9._-]{1,1023}")
_REDIS = re.compile(r"(rediss?(\+sentinel|\+cluster)?|unix)://.+")
_DATABASE = re.compile(r"postgres(ql)?://.+")
_MASK = "********"
_PASSWORDS = (
    re.compile(r"(?<=://)([^:@/]*:)(.+)(@)"),
    re.compile(r"([?&](?:ssl|sentinel_)?password=)([^&]+)()"),
)
_WEB = re.compile(r"https?://[^\s/]+(/\S*)?")


def domain(text: str) -> str:
    """The form in which JIDs compare domains (RFC 7622 section 3.2): lower case, U-labels, no last dot.

    Raises ValueError, as all of these do.
    """
    text = text.lower().removesuffix(".")
    if _DOMAIN.fullmatch(text) and "xn--" not in text:
        return text
    try:
        return idna.decode(idna.encode(text, uts46=True))
    except idna.IDNAError:
        raise ValueError("should be a domain name") from None


def redis_url(text: str) -> str:
    """A URL of a server, of Sentinels or of a cluster."""
    if not _REDIS.fullmatch(text):
        raise ValueError("should be a URL such as redis://host:6379")
    return text


def database_url(text: str) -> str:
    """A URL as PostgreSQL's clients know it."""
    if not _DATABASE.fullmatch(text):
        raise ValueError("should be a URL such as postgresql://user@host:5432/roost")
    return text


def with_password(url: str, password: str) -> str:
    """`url` with a password in it; raises ValueError when it has one."""
    scheme, _, rest = url.partition("://")
    end = re.search(r"[/?#]|$", rest)
    assert end is not None
    authority, path = rest[: end.start()], rest[end.start() :]
    user, _, hosts = authority.rpartition("@")
    if ":" in user:
        raise ValueError(f"{scheme}://: a password stands in the URL and alone; give it once")
    return f"{scheme}://{user}:{quote(password, safe='')}@{hosts}{path}"


def with_sentinel_password(url: str, password: str) -> str:
    """`url` with the Sentinels' own password in it; raises ValueError when it has one, or no Sentinels."""
    if "+sentinel://" not in url:
        raise ValueError("redis_sentinel_password: redis_url names no Sentinels")
    if "sentinel_password=" in url:
        raise ValueError("the Sentinels' password stands in the URL and alone; give it once")
    return f"{url}{'&' if '?' in url else '?'}sentinel_password={quote(password, safe='')}"


def masked(url: str) -> str:
    """`url` without its passwords, for logs and for people."""
    for pattern in _PASSWORDS:
        url = pattern.sub(rf"\1{_MASK}\3", url)
    return url


def web_url(text: str) -> str:
    """A URL of a web service."""
    if not _WEB.fullmatch(text):
        raise ValueError("should be a URL such as http://collector:4318")
    return text


def networks(text: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks that a text lists, with commas between them."""
    return [ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip()]


def network_list(text: str) -> str:
    """A text that `networks` can read."""
    try:
        networks(text)
    except ValueError as error:
        raise ValueError(f"should be networks such as 10.0.0.0/8,::1/128: {error}") from None
    return text


Domain = Annotated[str, AfterValidator(domain)]
RedisUrl = Annotated[str, AfterValidator(redis_url)]
DatabaseUrl = Annotated[str, AfterValidator(database_url)]
WebUrl = Annotated[str, AfterValidator(web_url)]
Networks = Annotated[str, AfterValidator(network_list)]
