import asyncio
from types import SimpleNamespace

import uvloop
from hypothesis import given
from hypothesis import strategies as st
from loadtest.bench.client import Client, Target, many

from loadtest.bench import scenarios
from play.cluster import DOMAIN, Cluster

ENDING = b"</message>"


@given(st.lists(st.sampled_from([ENDING, b"<message>", b"x", b"</mess", b"</message"])), st.data())
def test_endings_are_counted_however_they_are_split(pieces, data):
    text = b"".join(pieces)
    counted = []
    handler = scenarios.counted(ENDING, lambda _client, count: counted.append(count))
    client = SimpleNamespace(tail=b"")
    while text:
        cut = data.draw(st.integers(1, len(text)))
        handler(client, text[:cut])
        text = text[cut:]
    assert sum(counted) == b"".join(pieces).count(ENDING)


def test_every_load_gives_figures_and_loses_nothing(live: Cluster, monkeypatch):
    monkeypatch.setattr(scenarios, "_WARM_UP", 0.2)
    monkeypatch.setattr(scenarios, "_QUIET", 0.3)
    target = Target(DOMAIN, [pod.starttls_port for pod in live.pods], prefix="bench")
    tls = Target(DOMAIN, [pod.direct_tls_port for pod in live.pods], tls=True, prefix="bench")
    pids = [live.process.pid]

    async def all_loads() -> list[scenarios.Figures]:
        await many(target, 64, Client.register)
        return [
            await scenarios.chat(target, pids, users=6, seconds=0.3),
            await scenarios.paced(target, pids, users=6, seconds=0.3, rate=100),
            await scenarios.presence(target, pids, contacts=3, seconds=0.3),
            await scenarios.idle(tls, pids, users=4, first=2, name="idle"),
        ]

    for figures in uvloop.run(asyncio.wait_for(all_loads(), 60)):
        costs = [value for name, value in figures.items() if name.endswith(("µs", "login ms"))]
        assert costs
        assert min(costs) >= 0
        assert [value for name, value in figures.items() if name.endswith("lost")] == [0]
