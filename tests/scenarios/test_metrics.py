"""What operators see of a cluster in which things happen: every metric is told, and what should move does."""

from __future__ import annotations

import asyncio
import urllib.request
from collections import defaultdict
from collections.abc import Callable

from prometheus_client.parser import text_string_to_metric_families

from play import people, wanted
from play.client import Client
from play.cluster import Cluster, Pod
from play.stage import play
from roost.runtime.metrics import CONNECTION_MANAGER, FAMILIES, PRESENCE

_BIG = "x" * 50_000
_TOO_MANY = 200  # stanzas of that size: more than the kernel and the pod keep for one client
_WITHOUT_SAMPLES = {"roost_tasks_failures_total"}  # nothing has gone wrong


class Told(dict[str, float]):
    """One look at some processes of one role: the sum by name and labels, `name{a="b"}`."""

    def __init__(self, *ports: int) -> None:
        super().__init__()
        self.types: dict[str, str] = {}
        for port in ports:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                self._add(answer.read().decode())

    def _add(self, text: str) -> None:
        for family in text_string_to_metric_families(text):
            counter = family.type == "counter"
            self.types[family.name + "_total" * counter] = family.type
            for one in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in sorted(one.labels.items()))
                name = f"{one.name}{{{labels}}}" if labels else one.name
                self[name] = self.get(name, 0) + one.value

    def __missing__(self, _name: str) -> float:
        return 0


def _connection_managers(cluster: Cluster) -> Told:
    return Told(*(one["metrics_port"] for one in cluster.facts["connection_managers"]))


def _presence(cluster: Cluster) -> Told:
    return Told(*(one["metrics_port"] for one in cluster.facts["presence"]))


async def _until(look: Callable[[], bool]) -> None:
    """Look again until it is so; the play has a deadline."""
    while True:
        if await asyncio.to_thread(look):
            return
        await asyncio.sleep(0.1)


async def _wrong_password(pod: Pod, name: str) -> None:
    client = await pod.connect()
    await client.open()
    assert await people.plain(client, name, "nonsense") == "not-authorized"
    await client.close()


async def _deaf_one(live: Cluster, pod: Pod, romeo: Client) -> None:
    """A client that reads nothing: messages wait in its queue, and presence, which waits nowhere, ends it."""
    deaf = await people.present(pod, "deaf")
    for _ in range(_TOO_MANY):
        romeo.message(deaf.jid, _BIG)
        await romeo.writer.drain()
    await _until(lambda: _waiting(_connection_managers(live)))
    for _ in range(_TOO_MANY):
        romeo.presence(to=deaf.jid, status=_BIG)
        await romeo.writer.drain()
    await romeo.settle()


def _waiting(told: Told) -> bool:
    return told["roost_queues_paused"] == 1 and told["roost_queues_entries"] > 10


async def _day(live: Cluster) -> None:
    """Logins of all kinds, talk, presence, absence."""
    one, two = live.pods
    romeo = await people.present(one, "romeo")
    juliet = await people.present(two, "juliet", "balcony")
    await people.befriend(romeo, juliet)
    await _wrong_password(one, people.bare(juliet).partition("@")[0])
    tybalt = await people.person(two, "tybalt", tls=True)
    for number in range(20):
        romeo.message(juliet.jid, f"{number}")
        await juliet.expect(wanted.message(f"{number}"))
    romeo.send(f"<iq type='get' id='q' to='{juliet.jid}'><ping xmlns='urn:xmpp:ping'/></iq>")
    await juliet.expect(lambda one: one.get("id") == "q")
    await tybalt.close()
    romeo.message(people.bare(tybalt), "Thou art a villain")
    romeo.message(people.bare(tybalt), "and no headline", type="headline")
    romeo.presence("subscribe", "nobody@example.test")
    await romeo.settle()
    await people.appear(await people.login(two, people.bare(tybalt).partition("@")[0]))
    await _deaf_one(live, two, romeo)


@play
async def test_a_day_of_a_cluster(live: Cluster) -> None:
    before = _connection_managers(live)
    shards_before = _presence(live)
    await _day(live)
    now: dict[str, Told] = {}
    moved: dict[str, float] = defaultdict(float)

    def seen() -> bool:
        now["pods"], now["presence"] = _connection_managers(live), _presence(live)
        moved.update({name: value - before[name] for name, value in now["pods"].items()})
        probed = all("roost_redis_round_trip_seconds" in told for told in now.values())
        counted = now["presence"]["roost_registry_sessions"] > 0 and "roost_registry_drift" in now["pods"]
        return probed and counted and moved["roost_streams_slow_total"] > 0

    await _until(seen)
    _all_are_told(now["pods"], CONNECTION_MANAGER)
    _all_are_told(now["presence"], PRESENCE)
    for name, least in _MOVED.items():
        assert moved[name] >= least, f"{name}: {moved[name]}"
    for name, least in _MOVED_PRESENCE.items():
        assert now["presence"][name] - shards_before[name] >= least, name
    _levels(now["pods"], now["presence"])


_MOVED = {
    'roost_streams_opened_total{transport="starttls"}': 6,
    'roost_streams_opened_total{transport="direct-tls"}': 1,
    'roost_streams_errors_total{condition="policy-violation"}': 1,
    "roost_streams_slow_total": 1,
    'roost_stanzas_received_total{kind="message"}': 20,
    'roost_stanzas_received_total{kind="presence"}': 4,
    'roost_stanzas_received_total{kind="iq"}': 4,
    'roost_stanzas_sent_total{kind="message"}': 20,
    'roost_stanzas_sent_total{kind="presence"}': 4,
    'roost_stanzas_sent_total{kind="iq"}': 4,
    'roost_stanzas_routed_total{kind="message",outcome="delivered"}': 20,
    'roost_stanzas_routed_total{kind="message",outcome="absent"}': 2,
    'roost_stanzas_routed_total{kind="iq",outcome="delivered"}': 1,
    "roost_delivery_seconds_count": 20,
    'roost_delivery_seconds_bucket{le="10.0"}': 20,
    "roost_bus_lag_seconds_count": 20,
    'roost_logins_total{outcome="success"}': 5,
    'roost_logins_total{outcome="not-authorized"}': 1,
    "roost_login_seconds_count": 6,
    'roost_registrations_total{outcome="success"}': 4,
    'roost_offline_messages_total{outcome="stored"}': 1,
    'roost_offline_messages_total{outcome="delivered"}': 1,
    'roost_drops_total{reason="nobody"}': 1,
    "roost_presence_delivered_total": 4,
    "roost_redis_batch_commands_count": 20,
    'roost_store_statement_seconds_count{statement="account-keys"}': 1,
    'roost_store_statement_seconds_count{statement="account-create"}': 4,
    'roost_store_batch_rows_sum{statement="offline-store"}': 1,
}
_MOVED_PRESENCE = {
    'roost_shards_lag_seconds_count{service="presence"}': 8,
    'roost_shards_batch_entries_sum{service="presence"}': 8,
    'roost_drops_total{reason="no-account"}': 1,
    'roost_store_statement_seconds_count{statement="roster-change"}': 2,
}


def _all_are_told(told: Told, role: str) -> None:
    for family in FAMILIES:
        if role in family.roles:
            assert told.types[family.full_name] == family.type
            samples = [name for name in told if name.startswith(family.full_name)]
            assert samples or family.full_name in _WITHOUT_SAMPLES, family.full_name


def _levels(pods: Told, presence: Told) -> None:
    """What is neither up nor down, but so."""
    assert presence["roost_registry_pods"] == 2
    assert presence['roost_shards_owned{service="presence"}'] == 16
    assert pods["roost_redis_up"] == pods["roost_store_up"] == 2
    assert 0 < pods["roost_redis_round_trip_seconds"] < 5
    assert pods['roost_store_connections{state="idle"}'] >= 1
    assert pods["roost_sessions_bound"] >= 3
    assert pods['roost_streams_open{state="bound",transport="starttls"}'] >= 3
    assert abs(pods["roost_registry_drift"]) < 2
    assert pods["roost_drain_active"] == presence["roost_drain_active"] == 0
    assert presence["roost_loop_lag_seconds_count"] > 0


@play
async def test_ready_says_what_there_is(live: Cluster) -> None:
    facts = live.facts
    assert _ready(facts["connection_managers"][0]["metrics_port"]) == (
        "redis: ok\ndatabase: ok\nlisteners: ok\ndrain: ok\n"
    )
    assert _ready(facts["presence"][0]["metrics_port"]) == "redis: ok\ndatabase: ok\ndrain: ok\n"


def _ready(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
        assert answer.status == 200
        text: str = answer.read().decode()
    return text
