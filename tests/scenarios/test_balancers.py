"""Behind a balancer that speaks the PROXY protocol: clients are known by their own addresses."""

from __future__ import annotations

from play import people, wanted
from play.client import Client
from play.cluster import Cluster, Pod
from play.stage import play


def _introduction(address: str) -> bytes:
    return f"PROXY TCP4 {address} 192.0.2.1 4711 5222\r\n".encode()


async def _come(pod: Pod, address: str, *, tls: bool = True) -> Client:
    client = await pod.connect(tls=tls, introduction=_introduction(address))
    await client.open()
    return client


@play
async def test_both_ports_take_clients_and_limits_count_their_addresses(balanced: Cluster) -> None:
    [pod] = balanced.pods
    here, there = "203.0.113.9", "203.0.113.10"
    client = await _come(pod, here)
    answer = await client.ask("set", people.registration("romeo", people.PASSWORD))
    assert answer.get("type") == "result", wanted.condition(answer)
    for expected in ("not-authorized", "not-authorized", "temporary-auth-failure"):
        assert await people.plain(client, "romeo", "a guess") == expected
    other = await _come(pod, there, tls=False)
    await other.start_tls()
    await other.open()
    assert await people.plain(other, "romeo") == "success"
    await other.open()
    await people.bind(other, "orchard")
    await people.appear(other)
    assert await people.plain(await _come(pod, here), "romeo") == "temporary-auth-failure"


@play
async def test_a_client_without_introduction_is_closed(balanced: Cluster) -> None:
    [pod] = balanced.pods
    client = await pod.connect()
    client.send("<?xml version='1.0'?><stream:stream>")
    assert not await client._read()
    assert not client.ended
