"""Where a server is and how it is trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gevent import ssl

_ADDRESS = re.compile(r"(?:(xmpps?)://)?(\[[^\]]+\]|[^:\[\]/]+)(?::(\d{1,5}))?/?")
_PORTS = {"xmpp": 5222, "xmpps": 5223}


class Disconnected(ConnectionError):  # noqa: N818 - what happened, in a word
    """The connection is gone; the text says why, as far as the server told."""


class Refused(Exception):  # noqa: N818 - what happened, in a word
    """The server said no; the text is its condition."""


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; `direct` is TLS from the first byte (XEP-0368), else STARTTLS."""

    host: str
    port: int
    direct: bool


@dataclass(frozen=True, slots=True)
class Place:
    """A server under load."""

    domain: str
    addresses: tuple[Address, ...]
    """Users take them in turn: name every pod, or one balancer."""
    context: Any
    """The TLS context for STARTTLS."""
    direct_context: Any
    """The one for direct TLS, which names its protocol."""
    seconds: float = 30.0
    """How long a login or an answer may take."""

    def address(self, number: int) -> Address:
        """The address of user `number`."""
        return self.addresses[number % len(self.addresses)]


def place(hosts: str, domain: str | None = None, ca_file: str | None = None, *, verify: bool = True) -> Place:
    """A place out of words; raises ValueError, or OSError when there is no such CA file."""
    found = addresses(hosts)
    if ca_file and not Path(ca_file).is_file():
        raise FileNotFoundError(f"no such CA file: {ca_file}")
    contexts = [_context(ca_file, verify=verify) for _ in range(2)]
    contexts[1].set_alpn_protocols(["xmpp-client"])  # XEP-0368 section 3
    return Place(domain or found[0].host, found, contexts[0], contexts[1])


def addresses(hosts: str) -> tuple[Address, ...]:
    """`xmpp://host:5222,xmpps://host:5223` as addresses; STARTTLS where no scheme is named."""
    return tuple(_address(word.strip()) for word in hosts.split(","))


def _address(word: str) -> Address:
    match = _ADDRESS.fullmatch(word)
    if match is None:
        raise ValueError(f"not a server's address: {word!r}; write xmpp://host:5222 or xmpps://host:5223")
    scheme = match[1] or "xmpp"
    port = int(match[3] or _PORTS[scheme])
    if not 0 < port < 65536:
        raise ValueError(f"no such port: {port}")
    return Address(match[2].strip("[]"), port, scheme == "xmpps")


def _context(ca_file: str | None, *, verify: bool) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file:
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    return context
