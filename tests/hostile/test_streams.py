"""Streams that break the rules, each with the error that RFC 6120 has for it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import pytest
from lxml.etree import _Element as Element

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.stage import play
from roost.protocol import namespaces as ns

_OPENING = f"<stream:stream to='example.test' xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' version='1.0'>"


async def _told(client: Client) -> str:
    """The stream error that ends the stream properly; no word of how the server is made is in it."""
    error = await client.expect(wanted.stream_error)
    await client.expect_end()
    assert error[0].tag.startswith(f"{{{ns.STREAM_ERRORS}}}")
    _gives_nothing_away(error)
    return wanted.condition(error)


def _gives_nothing_away(error: Element) -> None:
    said = " ".join(error.itertext())
    assert not [word for word in ("Traceback", "Error", ".py", "0x", "roost") if word in said], said


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", "not-well-formed"),
        ("\x16\x03\x01\x02\x00\x01", "not-well-formed"),
        (_OPENING.encode("utf-16"), "unsupported-encoding"),
        (_OPENING.encode("utf-16-le"), "unsupported-encoding"),
        (_OPENING.encode("utf-16-be"), "unsupported-encoding"),
        ("<<>>", "not-well-formed"),
        ("</stream:stream>", "not-well-formed"),
        ("<?xml version='1.0' encoding='UTF-16'?>" + _OPENING, "unsupported-encoding"),
        ("<?xml version='1.0' encoding='iso-8859-1'?>" + _OPENING, "unsupported-encoding"),
        ("<!DOCTYPE stream [<!ENTITY lol 'lol'>]>" + _OPENING, "restricted-xml"),
        ("<!-- hello -->" + _OPENING, "restricted-xml"),
        ("<?php echo 1 ?>" + _OPENING, "restricted-xml"),
        (_OPENING.replace(ns.STREAMS, "urn:example:wrong"), "invalid-namespace"),
        (_OPENING.replace(ns.CLIENT, "jabber:server"), "invalid-namespace"),
        (_OPENING.replace("stream:stream", "stream:flow"), "bad-format"),
        (_OPENING.replace(" version='1.0'", ""), "unsupported-version"),
        (_OPENING.replace("1.0", "0.9"), "unsupported-version"),
        (_OPENING.replace("1.0", "one"), "unsupported-version"),
        (_OPENING.replace("example.test", "example.com"), "host-unknown"),
        (_OPENING.replace("example.test", "@@"), "host-unknown"),
        (_OPENING.replace("to='example.test'", ""), "improper-addressing"),
        (_OPENING.replace(" to=", " from='@' to="), "invalid-from"),
        (_OPENING.replace(" to=", f" x='{'x' * 9000}' to="), "policy-violation"),
        (
            _OPENING.replace(" to=", " ".join(["", *(f"a{i}=''" for i in range(101)), "to="])),
            "policy-violation",
        ),
        (
            _OPENING.replace(" to=", " ".join(["", *(f"xmlns:n{i}='u'" for i in range(97)), "to="])),
            "policy-violation",
        ),
    ],
)
@play
async def test_a_beginning_that_is_none(live: Cluster, said: str | bytes, condition: str) -> None:
    client = await live.pods[0].connect()
    client.send(said)
    assert await _told(client) == condition


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<message to='romeo@example.test'><body>hi</body></message>", "not-authorized"),
        ("<presence/>", "not-authorized"),
        ("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>", "not-authorized"),
        (f"<iq type='set' id='1'><bind xmlns='{ns.BIND}'/></iq>", "not-authorized"),
        (f"<response xmlns='{ns.SASL}'/>", "policy-violation"),
        ("<letter/>", "unsupported-stanza-type"),
        ("<letter xmlns='urn:example:post'/>", "unsupported-stanza-type"),
        ("just text<presence/>", "bad-format"),
        ("<presence></message>", "not-well-formed"),
        ("<x:presence/>", "not-well-formed"),
        ("<presence type='a' type='b'/>", "not-well-formed"),
        (b"<presence><status>\xc0\xaf</status></presence>", "not-well-formed"),
        (b"<presence><status>\xed\xa0\x80</status></presence>", "not-well-formed"),
        ("<presence><status>&#0;</status></presence>", "not-well-formed"),
        ("<presence><status>&lol;</status></presence>", "restricted-xml"),
        ("<!-- hello -->", "restricted-xml"),
        ("<?php echo 1 ?>", "restricted-xml"),
        ("<presence><!-- hello --></presence>", "restricted-xml"),
        ("<presence><status>" + "x" * 9000 + "</status></presence>", "policy-violation"),
        ("<presence x='" + "x" * 9000, "policy-violation"),
        ("<a>" * 60, "policy-violation"),
        ("<presence " + " ".join(f"a{i}='1'" for i in range(101)) + "/>", "policy-violation"),
    ],
)
@play
async def test_before_a_login(live: Cluster, said: str | bytes, condition: str) -> None:
    client = await live.pods[0].connect()
    await client.open()
    client.send(said)
    assert await _told(client) == condition


@pytest.mark.parametrize(
    ("said", "condition"),
    [
        ("<message><body>" + "x" * 262_144 + "</body></message>", "policy-violation"),
        ("<message><body>" + "x" * 300_000, "policy-violation"),
        ("<message>" + "<a>" * 50 + "</a>" * 50 + "</message>", "policy-violation"),
        ("<message><x " + " ".join(f"a{i}='1'" for i in range(101)) + "/></message>", "policy-violation"),
        ("<iq><x " + " ".join(f"xmlns:n{i}='u'" for i in range(101)) + "/></iq>", "policy-violation"),
        ("<message from='juliet@example.test/balcony'><body>I am she</body></message>", "invalid-from"),
        ("<message from='@'><body>I am nobody</body></message>", "invalid-from"),
        ("<presence from='juliet@example.test'/>", "invalid-from"),
        (f"<iq type='get' id='1' from='example.test'><q xmlns='{ns.ROSTER}'/></iq>", "invalid-from"),
        (b"<message><body>\xff</body></message>", "not-well-formed"),
        ("<message><body>&lol;</body></message>", "restricted-xml"),
        ("<message><!-- hello --></message>", "restricted-xml"),
        ("<message><?php echo 1 ?></message>", "restricted-xml"),
        ("<!DOCTYPE message>", "not-well-formed"),
        ("<letter/>", "unsupported-stanza-type"),
        ("<message xmlns='jabber:server'/>", "unsupported-stanza-type"),
        (f"<auth xmlns='{ns.SASL}' mechanism='PLAIN'>AA==</auth>", "policy-violation"),
        (f"<starttls xmlns='{ns.TLS}'/>", "policy-violation"),
        ("text<message/>", "bad-format"),
    ],
)
@play
async def test_of_somebody_logged_in(live: Cluster, said: str | bytes, condition: str) -> None:
    client = await people.person(live.pods[0], "mallory")
    client.send(said)
    assert await _told(client) == condition


@pytest.mark.parametrize(
    "said", ["<message/>", "<presence/>", "<iq type='get' id='1'><q xmlns='urn:q'/></iq>"]
)
@play
async def test_a_stanza_before_a_resource_is_bound(live: Cluster, said: str) -> None:
    pod = live.pods[0]
    name = people.new_name("mallory")
    await people.register(pod, name)
    client = await pod.connect()
    await client.open()
    assert await people.plain(client, name) == "success"
    await client.open()
    client.send(said)
    assert await _told(client) == "not-authorized"


@pytest.mark.parametrize("token", ["%%%%", "AAA", "cm9tZW8=", "AAAA", "//8=", "="])
@play
async def test_a_login_that_is_no_login(live: Cluster, token: str) -> None:
    for mechanism in ("PLAIN", "SCRAM-SHA-1"):
        client = await live.pods[0].connect()
        await client.open()
        client.send(f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{token}</auth>")
        failure = await client.expect(lambda one: one.tag == f"{{{ns.SASL}}}failure")
        assert people.outcome(failure) in {"incorrect-encoding", "malformed-request", "not-authorized"}
        _gives_nothing_away(failure)


@play
async def test_a_command_slipped_in_before_tls(impatient: Cluster) -> None:
    # RFC 6120 section 5.4.3.3: what came before TLS must not count after it
    [pod] = impatient.pods
    client = await pod.connect()
    await client.open()
    client.send(f"<starttls xmlns='{ns.TLS}'/><presence/>")
    assert await _told(client) == "policy-violation"


@play
async def test_a_header_that_comes_with_the_end_of_the_handshake(impatient: Cluster) -> None:
    """In one piece, as it may well arrive: no byte of it is lost, or taken for a part of the plain stream."""
    [pod] = impatient.pods
    client = await pod.connect()
    await client.open()
    client.send(f"<starttls xmlns='{ns.TLS}'/>")
    await client.expect(lambda one: one.tag == f"{{{ns.TLS}}}proceed")
    said = await _in_one_with_the_handshake(client, _OPENING)
    assert "<mechanisms" in said


async def _in_one_with_the_handshake(client: Client, text: str) -> str:
    """Send `text` behind a handshake, in the same bytes; what is heard up to the stream features' end."""
    assert client.context is not None
    theirs, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client.context.wrap_bio(theirs, ours, server_hostname=client.domain)

    async def done(step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                client.send(ours.read())
                theirs.write(await client.reader.read(65536))

    await done(tls.do_handshake)
    tls.write(text.encode())
    client.send(ours.read())
    said = ""
    while "</stream:features>" not in said and "</stream:error>" not in said:
        said += (await done(lambda: tls.read(65536))).decode()
    return said


@play
async def test_one_byte_at_a_time(live: Cluster) -> None:
    pod = live.pods[0]
    romeo = await people.present(pod, "romeo")
    name = people.new_name("slow")
    await people.register(pod, name)
    client = await pod.connect()
    send = client.send

    def in_bytes(text: str | bytes) -> None:
        for byte in text.encode() if isinstance(text, str) else text:
            send(bytes([byte]))

    client.writer.transport.get_extra_info("socket").setsockopt(6, 1, 1)  # TCP_NODELAY
    client.send = in_bytes  # type: ignore[method-assign]
    await client.open()
    assert await people.plain(client, name) == "success"
    await client.open()
    await people.bind(client)
    client.message(romeo.jid, "\N{WHITE HEART SUIT} in pieces")
    await romeo.expect(wanted.message("\N{WHITE HEART SUIT} in pieces", client.jid))
    await client.close()


@play
async def test_all_at_once(live: Cluster) -> None:
    """A client that does not wait for answers where it knows them; what it said before it left counts."""
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    name = people.new_name("hasty")
    await people.register(two, name)
    client = await two.connect()
    await client.open()
    assert await people.plain(client, name) == "success"
    client.expect_new_stream()
    letter = f"<message to='{romeo.jid}'><body>{{}}</body></message>"
    client.send(
        f"{_OPENING}<iq type='set' id='b'><bind xmlns='{ns.BIND}'/></iq>"
        + "".join(letter.format(i) for i in range(50))
        + "</stream:stream>"
    )
    await client.expect_end()
    for i in range(50):
        await romeo.expect(wanted.message(str(i)))
