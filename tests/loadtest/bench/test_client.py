import asyncio

import pytest
import uvloop
from loadtest.bench.client import Client, Target, many, part

from play.cluster import DOMAIN, Cluster


@pytest.fixture
def target(live: Cluster) -> Target:
    return Target(DOMAIN, [pod.starttls_port for pod in live.pods], prefix="loadclient")


def test_users_register_once_log_in_and_take_the_ports_in_turn(target):
    async def play():
        await many(target, 4, Client.register)
        await many(target, 4, Client.register)  # they exist, which is fine
        clients = await many(target, 4, Client.login)
        ports = [client.transport.get_extra_info("peername")[1] for client in clients]
        names = [client.jid for client in clients]
        part(clients)
        return ports, names

    ports, names = uvloop.run(asyncio.wait_for(play(), 30))
    assert ports == list(target.ports) * 2
    assert names == [f"loadclient{i}@{DOMAIN}/load" for i in range(4)]


def test_a_stranger_cannot_log_in_and_that_is_said(target):
    with pytest.raises(ConnectionError, match="loadclient999 cannot log in"):
        uvloop.run(asyncio.wait_for(many(target, 1, Client.login, first=999), 30))
