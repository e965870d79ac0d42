"""All masters behind one client, on real engines: cuts, moves, demotions, refusals."""

from __future__ import annotations

import asyncio

import pytest
from redis.crc import key_slot

from figures import told
from roost.cluster import keys
from roost.cluster.resp import pack
from roost.core.ports import BusUnavailable

ACCOUNTS = [f"user{number}@example.net" for number in range(30)]


async def publish(client, channel, data):
    await client.call(channel, "SPUBLISH", channel, data)


def test_commands_and_channels_reach_every_master(redis_url, run, client, opened, heard):
    async def play():
        here, there = client(redis_url), client(redis_url)
        async with opened(here, there):
            publications = heard()
            for account in ACCOUNTS:
                there.subscribe(keys.channel(account), publications.hear)
            commands = [(keys.pending(one), pack("SET", keys.pending(one), one)) for one in ACCOUNTS]
            await here.gather(commands)
            values = await there.gather(
                [(keys.pending(one), pack("GET", keys.pending(one))) for one in ACCOUNTS]
            )
            assert values == [one.encode() for one in ACCOUNTS]
            for account in ACCOUNTS:
                await publish(here, keys.channel(account), account)
            await publications.until(lambda all_: len(all_) == 30)
            there.unsubscribe(keys.channel(ACCOUNTS[0]))
            await publish(here, keys.channel(ACCOUNTS[0]), "unheard")
            await publish(here, keys.channel(ACCOUNTS[1]), "heard")
            await publications.until(lambda all_: b"heard" in all_)
            assert b"unheard" not in publications

    run(play())


def test_a_cut_connection_is_made_again_and_those_who_must_know_are_told(
    redis_url, run, client, opened, heard
):
    async def play():
        here, there = client(redis_url), client(redis_url)
        returns, publications = heard(), heard()

        async def returned():
            returns.hear("returned")

        there.on_return(returned)
        async with opened(here, there):
            for account in ACCOUNTS:
                there.subscribe(keys.channel(account), publications.hear)
            for _ in range(3):
                before = len(returns)
                for link in list(there._links.values()):
                    link.close()
                await returns.until(lambda all_, before=before: len(all_) > before)
                for account in ACCOUNTS:
                    await publish(here, keys.channel(account), account)
                await publications.until(lambda all_: len(all_) >= 30)
                assert len(publications) == 30
                publications.clear()
            assert there.connected

    run(play())


def test_what_is_asked_while_a_server_is_away_is_answered_in_order(own_valkey, run, client, opened, heard):
    async def play():
        redis = client(own_valkey.url)
        async with opened(redis):
            own_valkey.kill()
            for link in list(redis._links.values()):
                link.close()
            answers = heard()
            for number in range(100):
                redis.send("list", pack("RPUSH", "list", number), answers.hear)
            await asyncio.to_thread(own_valkey.start)
            await answers.until(lambda all_: len(all_) == 100)
            assert answers == list(range(1, 101))
            assert await redis.call("list", "LRANGE", "list", 0, -1) == [b"%d" % n for n in range(100)]

    run(play())


def test_a_server_that_stays_away_is_named_within_the_timeout(own_valkey, run, client, opened):
    async def play():
        redis = client(own_valkey.url, timeout=0.3)
        async with opened(redis):
            own_valkey.kill()
            with pytest.raises(BusUnavailable):
                await redis.call("x", "GET", "x")
            assert not redis.connected

    run(play())


def test_a_server_that_does_not_answer_at_the_start_is_a_sentence(run, client):
    async def play():
        redis = client("redis://127.0.0.1:1")
        with pytest.raises(BusUnavailable, match=r"127\.0\.0\.1"):
            await redis.open()
        await redis.close()

    run(play())


def test_a_wrong_password_is_a_sentence(own_valkey, run, client):
    async def play():
        own_valkey.admin().config_set("requirepass", "secret")
        redis = client(own_valkey.url.replace("//", "//:wrong@"))
        with pytest.raises(BusUnavailable, match="WRONGPASS"):
            await redis.open()
        await redis.close()
        redis = client(own_valkey.url.replace("//", "//:secret@"))
        await redis.open()
        await redis.close()

    run(play())


def test_scripts_that_a_server_forgot_are_loaded_again(redis_url, run, client, opened):
    async def play():
        redis = client(redis_url)
        script = redis.script("take")
        async with opened(redis):
            assert await redis.run(script, [keys.rate("x")], 60) == 1
            for link in redis._links.values():
                await link.call("SCRIPT", "FLUSH")
            assert await redis.run(script, [keys.rate("x")], 60) == 2

    run(play())


def test_a_full_server_is_unavailable_and_keeps_its_connection(own_valkey, run, client, opened):
    async def play():
        redis = client(own_valkey.url, probe_seconds=0.05)
        async with opened(redis):
            own_valkey.admin().config_set("maxmemory", 1)
            with pytest.raises(BusUnavailable, match="OOM"):
                await redis.call("x", "SET", "x", "y")
            (link,) = redis._links.values()
            await redis._probe_one(link, redis.one_each("b1:test")[0])
            assert not link.lost
            own_valkey.admin().config_set("maxmemory", 0)
            await redis.call("x", "SET", "x", "y")
            assert redis.reconnects == 0

    run(play())


def test_a_silent_server_is_found_by_the_probe(own_valkey, run, client, opened, heard):
    """Publications stop, and the connection stands: as on a server that nobody writes to any more."""

    async def play():
        redis = client(own_valkey.url, timeout=0.2, probe_seconds=0.05)
        returns = heard()

        async def returned():
            returns.hear("returned")

        redis.on_return(returned)
        async with opened(redis):
            (link,) = redis._links.values()
            link._on_push = lambda _push: None
            await returns.until(bool)
            assert link.lost

    run(play())


def test_a_demoted_master_is_found_by_the_probe(own_valkey, run, client, opened, eventually):
    async def play():
        redis = client(own_valkey.url, timeout=1, probe_seconds=0.05)
        async with opened(redis):
            (link,) = redis._links.values()
            own_valkey.admin().replicaof("127.0.0.1", 1)
            await eventually(lambda: link.lost)
            own_valkey.admin().replicaof("NO", "ONE")
            await redis.call("x", "SET", "x", "y")

    run(play())


def test_a_demoted_master_is_not_asked_without_pause(own_valkey, run, client, opened, heard):
    async def play():
        redis = client(own_valkey.url, timeout=0.5)
        async with opened(redis):
            own_valkey.admin().replicaof("127.0.0.1", 1)
            before = own_valkey.admin().info("commandstats").get("cmdstat_set", {"calls": 0})["calls"]
            with pytest.raises(BusUnavailable):
                await redis.call("x", "SET", "x", "y")
            after = own_valkey.admin().info("commandstats")["cmdstat_set"]
            assert after["rejected_calls"] + after["calls"] - before < 15
            own_valkey.admin().replicaof("NO", "ONE")
            await redis.call("x", "SET", "x", "y")

    run(play())


def test_a_slot_moves_while_stanzas_flow(valkey_cluster, run, client, opened, heard, eventually):
    """Commands follow the slot in order, channels are subscribed where it went, and followers are told."""

    async def play():
        valkey_cluster.flush()
        here, there = client(valkey_cluster.url), client(valkey_cluster.url)
        returns, publications, answers = heard(), heard(), heard()

        async def returned():
            returns.hear("returned")

        there.on_return(returned)
        account = ACCOUNTS[0]
        key, channel = keys.pending(account), keys.channel(account)
        slot = key_slot(key.encode())
        async with opened(here, there):
            there.subscribe(channel, publications.hear)
            source = here._topology.place(key)
            nodes = {node.port: node for node in valkey_cluster.nodes}
            target = next(node for port, node in nodes.items() if port != source.port)
            await asyncio.to_thread(move, nodes[source.port], target, valkey_cluster.nodes, slot)
            for number in range(200):
                here.send(key, pack("RPUSH", key, number), answers.hear)
            await answers.until(lambda all_: len(all_) == 200)
            assert answers == list(range(1, 201))
            await returns.until(bool)

            async def reached():
                await publish(here, channel, "after")
                return publications

            await eventually(reached)
            assert here._topology.place(key).port == target.port
            await asyncio.to_thread(move, target, nodes[source.port], valkey_cluster.nodes, slot, [key])

    run(play())


def move(source, target, nodes, slot, stored=()):
    ids = {node.port: str(node.admin().execute_command("CLUSTER MYID")) for node in (source, target)}
    target.admin().execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[source.port])
    source.admin().execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target.port])
    for key in stored:
        source.admin().execute_command("MIGRATE", "127.0.0.1", target.port, key, 0, 5000)
    for node in (target, source, *nodes):
        node.admin().execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target.port])


def test_the_probe_tells_how_long_a_round_trip_takes(redis_url, run, client, opened, eventually):
    async def play():
        redis = client(redis_url, probe_seconds=0.05)
        assert told(redis, "redis_round_trip_seconds") is None
        assert redis.trouble == "no connection to Redis"
        async with opened(redis):
            await eventually(lambda: told(redis, "redis_round_trip_seconds") is not None)
            assert 0 < told(redis, "redis_round_trip_seconds") < 5
            assert told(redis, "redis_up") == 1
            assert redis.trouble is None

    run(play())


def test_what_a_full_server_refuses_is_counted(own_valkey, run, client, opened):
    async def play():
        redis = client(own_valkey.url)
        async with opened(redis):
            own_valkey.admin().config_set("maxmemory", 1)
            with pytest.raises(BusUnavailable, match="OOM"):
                await redis.call("x", "SET", "x", "y")
            assert told(redis, "drops") == {"redis-refused": 1, "redis-away": 0}

    run(play())
