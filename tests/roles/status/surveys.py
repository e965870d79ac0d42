"""Surveys for tests: a cluster that is well, and changes to it."""

from __future__ import annotations

import time
from dataclasses import replace

from roost.cluster.member import About
from roost.cluster.overview import Server, ShardState
from roost.roles.status.survey import Member, Redis, Store, Survey
from roost.store.migrate import Schema


def about(id, role, pod, **more):
    said = About(id, role, pod, "1.0", "example.net", time.time() - 11_520, 3, 1, 4, "10.0.0.1:9090")
    return replace(said, **more)


def manager(id="aa", pod="cm-1", *, sessions=0, lease=12.0, alive=True, swept=False, **more):
    said = about(id, "connection-manager", pod, **more)
    silent = 2.0 if alive else 90.0
    return Member(id, "connection-manager", said, silent, alive, lease, sessions, swept)


def presence(id="pp", pod="presence-1", *, alive=True, shards=(0, 1, 2, 3), **more):
    return Member(id, "presence", about(id, "presence", pod, **more), 1.0, alive, 9.0, 0, False, shards, 0)


def shards(*owners, waiting=0):
    return [ShardState(n, owner, 9.0 if owner else None, waiting) for n, owner in enumerate(owners)]


def cluster(*members, **more):
    well = Survey(
        domain="example.net",
        version="1.0",
        presence_shards=4,
        redis=Redis("one server", [Server("Valkey", "9.0.1", 3_250_000, 0)]),
        store=Store("18.1", Schema(3, 1, 3), 12),
        members=members or (manager(sessions=1234), presence()),
        shards={"presence": shards("pp", "pp", "pp", "pp")},
    )
    return replace(well, **more)
