"""The PROXY protocol's header, by what balancers write."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol.proxy import SIGNATURE, ProxyMalformed, ProxyReader

V4, V6 = "203.0.113.9", "2001:db8::9"
REST = b"<?xml version='1.0'?>"

ports = st.integers(0, 65535)
v4 = st.ip_addresses(v=4).map(str)
v6 = st.ip_addresses(v=6).filter(lambda one: one.ipv4_mapped is None).map(str)
ends = st.one_of(st.tuples(v4, v4, ports, ports), st.tuples(v6, v6, ports, ports))


def line(source, destination, source_port, destination_port):
    """Version 1, as a balancer writes it."""
    kind = "TCP6" if ":" in source else "TCP4"
    return f"PROXY {kind} {source} {destination} {source_port} {destination_port}\r\n".encode()


def binary(source, destination, source_port, destination_port, more=b""):
    """Version 2, over TCP."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    block = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    block += source_port.to_bytes(2, "big") + destination_port.to_bytes(2, "big") + more
    return header(0x21, 0x21 if ":" in source else 0x11, block)


def header(command, kind, block=b"", length=None):
    size = len(block) if length is None else length
    return SIGNATURE + bytes([command, kind]) + size.to_bytes(2, "big") + block


def read(stream, most=4096):
    """Give a reader what it wants, at most so many bytes at a time; the source, and what it left."""
    reader = ProxyReader()
    while reader.wanted:
        given, stream = stream[: min(reader.wanted, most)], stream[min(reader.wanted, most) :]
        assert given, "it wants more than there is"
        reader.feed(given)
    return reader.source, stream


@given(ends, st.sampled_from([line, binary]), st.integers(1, 200))
def test_the_source_comes_out_and_nothing_else_is_touched(given_ends, write, most):
    assert read(write(*given_ends) + REST, most) == (given_ends[0], REST)


@given(ends, st.binary(max_size=300))
def test_fields_of_version_2_are_skipped(given_ends, more):
    assert read(binary(*given_ends, more) + REST) == (given_ends[0], REST)


@pytest.mark.parametrize(
    "known",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff::1 65535 65535\r\n",
        b"PROXY UNKNOWN \xff whatever\r\n",
        header(0x20, 0x00),
        header(0x20, 0x11, bytes(12)),  # LOCAL: the balancer's own connection, whatever the family says
        header(0x20, 0xFF, b"abc"),
        header(0x21, 0x00),
        header(0x21, 0x00, b"ignored"),
        header(0x21, 0x31, bytes(216)),  # a UNIX socket has no address
        header(0x21, 0x32, bytes(216)),
        header(0x21, 0x12, bytes(12)),  # nor do we serve datagrams
        header(0x21, 0x10, bytes(12)),
    ],
)
def test_what_has_no_address_keeps_the_connections(known):
    assert read(known + REST) == (None, REST)
    assert read(known + REST, 1) == (None, REST)


def test_an_address_of_version_4_is_itself_in_any_dress():
    assert read(line(f"::ffff:{V4}", V6, 1, 2))[0] == V4
    assert read(binary(f"::ffff:{V4}", V6, 1, 2))[0] == V4


def test_the_longest_line():
    longest = b"PROXY UNKNOWN ".ljust(105, b"x") + b"\r\n"
    assert read(longest + REST) == (None, REST)
    with pytest.raises(ProxyMalformed):
        read(longest.replace(b"\r\n", b"x\r\n"))


@pytest.mark.parametrize(
    "wrong",
    [
        b"<?xml version='1.0'?>",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\n",
        b"PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        b"PROXY TCP4 1.2.3.4\r1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n",
        b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        b"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        b"PROXY TCP6 ::1%eth0 ::1 1 2\r\n",
        b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 \N{ARABIC-INDIC DIGIT TWO}\r\n".encode(),
        b"PROXY TCP4 " + b"1" * 200,
        SIGNATURE[:11] + b"\r" + bytes(4),
        header(0x11, 0x11, bytes(12)),
        header(0x22, 0x11, bytes(12)),
        header(0x21, 0x41, bytes(12)),
        header(0x21, 0x13, bytes(12)),
        header(0x21, 0x11, bytes(11)),
        header(0x21, 0x21, bytes(35)),
        header(0x21, 0x31, bytes(215)),
        header(0x21, 0x11, bytes(12), 65535),
    ],
)
def test_what_does_not_match_exactly_is_refused(wrong):
    for most in (1, 4096):
        with pytest.raises(ProxyMalformed):
            read(wrong, most)


@given(st.binary(min_size=1).filter(lambda one: one[0] not in b"P\r"))
def test_other_bytes_are_refused_at_the_first(data):
    with pytest.raises(ProxyMalformed):
        ProxyReader().feed(data[:1])


@given(st.binary(max_size=40), st.sampled_from([b"PROXY ", SIGNATURE, SIGNATURE + b"\x21"]))
def test_nothing_but_its_own_error_comes_of_garbage(data, begin):
    try:
        read((begin + data).ljust(5000, b"\0"))
    except ProxyMalformed:
        return
