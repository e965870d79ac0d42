import asyncio

import pytest
import uvloop
from loadtest.bench.client import Client, Target, many

from loadtest.bench import crowd
from play.cluster import DOMAIN, Cluster


def test_a_crowd_comes_stays_and_goes(live: Cluster, monkeypatch):
    monkeypatch.setattr(crowd, "_PER_PROCESS", 2)
    target = Target(DOMAIN, [pod.starttls_port for pod in live.pods], prefix="crowd")

    async def play():
        await many(target, 3, Client.register)
        gathered = await crowd.gather(target, 3)
        holders, lost = len(gathered.holders), await gathered.lost()
        await gathered.part()
        return holders, lost, [holder.exitcode for holder, _ in gathered.holders]

    assert uvloop.run(asyncio.wait_for(play(), 30)) == (2, 0, [0, 0])


def test_a_crowd_that_cannot_come_is_an_error(live: Cluster):
    target = Target(DOMAIN, [live.pods[0].starttls_port], prefix="nobody")
    with pytest.raises(ConnectionError, match="nobody0 cannot log in"):
        uvloop.run(asyncio.wait_for(crowd.gather(target, 1), 30))
