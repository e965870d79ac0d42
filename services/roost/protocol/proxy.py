"""The PROXY protocol, versions 1 and 2: what a balancer says of the client before the client's own bytes.

By HAProxy's proxy-protocol.txt, whose sections are named here. Type-length-value fields are skipped.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LINE = b"PROXY "
_LINE_MOST = 107  # section 2.1, of the longest line
_FIRST = len(b"PROXY UNKNOWN\r\n")  # the shortest header of all
_FIXED = 16
_VARIABLE_MOST = 4096  # section 2.2 allows 65,535; a header shall fit one small segment, and none needs this
_LOCAL, _PROXY = 0, 1
_INET, _INET6, _UNIX = 1, 2, 3
_STREAM, _DATAGRAM = 1, 2
_ADDRESSES = {0: 0, _INET: 12, _INET6: 36, _UNIX: 216}  # bytes of both addresses, ports included
_KINDS: dict[str, type[IPv4Address] | type[IPv6Address]] = {"TCP4": IPv4Address, "TCP6": IPv6Address}
_PORT = re.compile(r"0|[1-9][0-9]{0,4}")
_PORT_MOST = 65535


class ProxyMalformed(ValueError):  # noqa: N818 - as JidMalformed
    """Bytes that are no header of the PROXY protocol."""


class ProxyReader:
    """Reads one header. It is never given a byte of what follows, which is the client's."""

    def __init__(self) -> None:
        """Nothing has been read."""
        self._read = b""
        self.wanted = _FIRST
        """How many bytes to give to it next, at the most; 0 when the header is complete."""
        self.source: str | None = None
        """The client's address, once it is complete; None when the connection is the balancer's own, or of
        a kind that has no such address."""

    def feed(self, data: bytes) -> None:
        """Take up to `wanted` bytes; raises ProxyMalformed as soon as they cannot be a header."""
        self._read += data
        read = self._read
        if read.startswith(SIGNATURE):
            self._binary(read)
        elif read.startswith(_LINE):
            self._line(read)
        elif SIGNATURE.startswith(read) or _LINE.startswith(read):
            self.wanted = _FIRST - len(read)
        else:
            raise ProxyMalformed("no header")

    # --- version 1, section 2.1 ---

    def _line(self, read: bytes) -> None:
        if read.endswith(b"\r\n"):
            self.source = _of_line(read[:-2])
            self.wanted = 0
        elif b"\n" in read or b"\r" in read[:-1]:
            raise ProxyMalformed("a line ends with CR and LF")
        elif len(read) >= _LINE_MOST:
            raise ProxyMalformed("the line is too long")
        else:
            rest = 1 if read.endswith(b"\r") else 2
            self.wanted = max(_FIRST - len(read), min(rest, _LINE_MOST - len(read)))

    # --- version 2, section 2.2 ---

    def _binary(self, read: bytes) -> None:
        if len(read) < _FIXED:
            self.wanted = _FIXED - len(read)
            return
        length = int.from_bytes(read[14:16], "big")
        if length > _VARIABLE_MOST:
            raise ProxyMalformed("the header is too long")
        _check(read[12], read[13], length)
        self.wanted = _FIXED + length - len(read)
        if not self.wanted:
            self.source = _of_addresses(read[12], read[13], read[_FIXED:])


def _of_line(line: bytes) -> str | None:
    if line.split(b" ", 2)[1] == b"UNKNOWN":
        return None  # whatever else it says
    try:
        _proxy, kind, source, destination, *ports = line.decode("ascii").split(" ")
        made = _KINDS[kind]
        address, _destination = made(source), made(destination)
    except (ValueError, KeyError):
        raise ProxyMalformed("no line of the PROXY protocol") from None
    if "%" in line.decode("ascii") or len(ports) != 2 or not all(map(_is_port, ports)):
        raise ProxyMalformed("no line of the PROXY protocol")
    return plain_address(address)


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= _PORT_MOST


def _check(version_and_command: int, kind: int, length: int) -> None:
    version, command = divmod(version_and_command, 16)
    family, transport = divmod(kind, 16)
    if version != 2 or command > _PROXY:
        raise ProxyMalformed("another version or command")
    if command == _LOCAL:
        return  # the family is ignored
    if family not in _ADDRESSES or transport > _DATAGRAM:
        raise ProxyMalformed("no such family or transport")
    if transport and length < _ADDRESSES[family]:
        raise ProxyMalformed("too short for its addresses")


def _of_addresses(version_and_command: int, kind: int, block: bytes) -> str | None:
    family, transport = divmod(kind, 16)
    if version_and_command % 16 == _LOCAL or transport != _STREAM or family not in {_INET, _INET6}:
        return None
    return plain_address(IPv4Address(block[:4]) if family == _INET else IPv6Address(block[:16]))


def plain_address(address: IPv4Address | IPv6Address) -> str:
    """An address as text; one of IPv4 that was mapped into IPv6 (RFC 4291 section 2.5.5.2) as itself."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
