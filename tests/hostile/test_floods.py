"""Many at once, the silent and the deaf: the pod stays what it was for everybody else."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Iterator

from play import people, wanted
from play.client import Client
from play.cluster import Cluster, Pod
from play.stage import play
from roost.protocol import namespaces as ns

_OPENING = f"<stream:stream to='example.test' xmlns='{ns.CLIENT}' xmlns:stream='{ns.STREAMS}' version='1.0'>"
_STRANGERS = 100  # streams that never log in, 300 elements each
_USERS = 10
_STANZAS = 10  # of each user
_NAMES = 10_000  # in each of them


@play
async def test_a_million_names_leave_no_trace(live: Cluster) -> None:
    pod = live.pods[0]
    users = [await people.person(pod, "mallory") for _ in range(_USERS)]
    fresh = _names()
    await _flood(pod, users, fresh, stanzas=1)  # what grows with traffic alone has grown
    before = pod.memory()
    began = time.monotonic()
    await _flood(pod, users, fresh, stanzas=_STANZAS)
    assert next(fresh) > 1_000_000
    assert time.monotonic() - began < 30
    assert pod.memory() < before * 1.1


def _names() -> Iterator[int]:
    return itertools.count()


async def _flood(pod: Pod, users: list[Client], fresh: Iterator[int], stanzas: int) -> None:
    strangers = asyncio.gather(*(_stranger(pod, fresh) for _ in range(_STRANGERS)))
    for _ in range(stanzas):
        for user in users:
            user.send(f"<iq type='get' id='f'><query xmlns='urn:f'>{_elements(fresh, _NAMES)}</query></iq>")
        for user in users:
            await user.settle()
    await strangers


async def _stranger(pod: Pod, fresh: Iterator[int]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.starttls_port)
    writer.write(f"{_OPENING}<x>{_elements(fresh, 300)}</x>".encode())
    assert b"unsupported-stanza-type" in await reader.read()
    writer.close()


def _elements(fresh: Iterator[int], count: int) -> str:
    return "".join(f"<n{number} a{number}=''/>" for number in itertools.islice(fresh, count))


@play
async def test_a_thousand_who_connect_and_say_nothing(impatient: Cluster) -> None:
    [pod] = impatient.pods
    romeo = await people.person(pod, "romeo", tls=True)
    silent = await asyncio.gather(*(_silence(pod) for _ in range(1000)))
    assert set(silent) == {"connection-timeout"}
    await romeo.settle()


async def _silence(pod: Pod) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.starttls_port)
    said = (await reader.read()).decode()
    writer.close()
    assert said.endswith("</stream:stream>")
    return said.partition("<stream:error><")[2].partition(" ")[0]


@play
async def test_half_a_stanza_and_silence(impatient: Cluster) -> None:
    [pod] = impatient.pods
    for said in ("<stream:stream to='exa", _OPENING, f"{_OPENING}<auth xmlns='urn:ietf:par", f"{_OPENING} "):
        client = await pod.connect()
        client.send(said)
        assert wanted.condition(await client.expect(wanted.stream_error)) == "connection-timeout"
        await client.expect_end()


@play
async def test_silence_in_the_middle_of_tls(impatient: Cluster) -> None:
    [pod] = impatient.pods
    direct, said_nothing = await asyncio.open_connection("127.0.0.1", pod.direct_tls_port)
    client = await pod.connect()
    await client.open()
    client.send(f"<starttls xmlns='{ns.TLS}'/>")
    await client.expect(lambda one: one.tag == f"{{{ns.TLS}}}proceed")
    async with asyncio.timeout(10):
        assert await direct.read() == b""
        assert await client.reader.read() == b""
    said_nothing.close()


@play
async def test_broken_handshakes_leave_room_for_others(impatient: Cluster) -> None:
    """More of them, in the end, than the pod takes streams that have not logged in."""
    [pod] = impatient.pods
    for _ in range(6):
        for said in (b"", b"I would rather not"):
            await asyncio.gather(*(_break_tls(pod, said) for _ in range(100)))
    romeo = await people.person(pod, "romeo", tls=True)
    await romeo.settle()


async def _break_tls(pod: Pod, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", pod.starttls_port)
    writer.write(f"{_OPENING}".encode())
    await reader.readuntil(b"</stream:features>")
    writer.write(f"<starttls xmlns='{ns.TLS}'/>".encode())
    await reader.readuntil(b"proceed")
    writer.write(said)
    assert b"stream:error" not in await reader.read()
    writer.close()


@play
async def test_presence_is_directed_at_a_bounded_number_of_addresses(live: Cluster) -> None:
    """Each of them would have to hear of the session's end."""
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    romeo.send("".join(f"<presence to='capulet{number}@example.test'/>" for number in range(1000)))
    romeo.presence(to=juliet.jid)
    refused = await romeo.expect(wanted.presence(juliet.jid, "error"))
    assert wanted.condition(refused) == "policy-violation"
    romeo.presence("unavailable", to="capulet7@example.test")
    romeo.presence(to=juliet.jid, status="only once")
    await juliet.expect(wanted.presence(romeo.jid, "", "only once"))
    await juliet.expect_nothing(wanted.presence(romeo.jid))


@play
async def test_a_client_that_does_not_read_harms_only_itself(live: Cluster) -> None:
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    deaf = await people.present(two, "deaf")
    juliet = await people.present(two, "juliet")
    page = "x" * 20_000
    sent = 0
    for _ in range(8):
        for _ in range(500):
            romeo.message(deaf.jid, page, id=str(sent))
            sent += 1
        await romeo.writer.drain()
        romeo.message(juliet.jid, str(sent))
        await juliet.expect(wanted.message(str(sent)))
    await romeo.settle()
    heard = 0
    error = None
    while error is None:
        stanza = await deaf.expect(lambda _any: True)
        if wanted.stream_error(stanza):
            error = stanza
        elif wanted.message()(stanza):
            assert stanza.get("id") == str(heard)
            heard += 1
    assert wanted.condition(error) in {"policy-violation", "resource-constraint"}
    assert heard < sent
