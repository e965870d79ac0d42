"""People on a cluster that Prometheus looks at: they come, talk and go, some cannot, and a process dies."""

from __future__ import annotations

import asyncio

from prometheus_server import PrometheusServer

from play import people, wanted
from play.client import Client
from play.cluster import Cluster
from play.people import bare
from play.stage import play

_UNTIL_SEEN = 20  # seconds


@play
async def act(cluster: Cluster, prometheus: PrometheusServer) -> None:
    """All of it; at the end Prometheus has seen the dead one's sessions being ended."""
    one, two = cluster.pods
    absent = await _strangers(cluster)
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet")
    nurse = await people.present(one, "nurse")
    await people.befriend(romeo, juliet)
    await people.befriend(nurse, juliet)
    await _talk((romeo, juliet), absent, prometheus, "min(count_over_time(roost_sessions_bound[1m])) > 5")
    two.kill()
    await romeo.expect(wanted.presence(juliet.jid, "unavailable"), _UNTIL_SEEN)
    romeo.message(bare(juliet), "to be kept")
    await romeo.settle()
    back = await people.login(one, bare(juliet).partition("@")[0], "back")
    back.presence()
    await back.expect(wanted.message("to be kept"))
    await _talk((romeo, back), absent, prometheus, "sum(increase(roost_sweeps_total[30s])) > 0")


async def _talk(pair: tuple[Client, Client], absent: str, prometheus: PrometheusServer, sight: str) -> None:
    """Messages, presence and questions both ways, until Prometheus says something to the query `sight`."""
    async with asyncio.timeout(_UNTIL_SEEN):
        while not await asyncio.to_thread(prometheus.says, sight):
            for sender, receiver in (pair, pair[::-1]):
                sender.message(receiver.jid, "so")
                await receiver.expect(wanted.message("so"))
                sender.presence(status="talking")
                sender.message(absent, "for later")
                sender.message(absent, "not to be kept", type="headline")
                await sender.settle()


async def _strangers(cluster: Cluster) -> str:
    """Those who do not get far: each leaves a trace in the metrics. Somebody who is away for good."""
    one, _ = cluster.pods
    await (await one.connect()).open()  # and says no more
    name = people.new_name("paris")
    await people.register(one, name)
    await people.register(one, name)  # there is one already
    unbound = await one.connect(tls=True)
    await unbound.open()
    assert await people.scram(unbound, "SCRAM-SHA-256", name) == "success"
    mistaken = await one.connect()
    await mistaken.open()
    assert await people.plain(mistaken, name, "romeo") == "not-authorized"
    mistaken.send("<not <xml")
    await mistaken.expect(wanted.stream_error)
    return f"{name}@{mistaken.domain}"
