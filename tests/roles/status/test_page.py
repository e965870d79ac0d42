"""One screen, aligned."""

from __future__ import annotations

import click

from roles.status.surveys import cluster, manager, presence
from roost.roles.status.page import page


def shown(found, wrong=(), noted=()):
    return click.unstyle(page(found, wrong, noted))


def test_the_whole_page():
    found = cluster(
        manager("aa11", "connection-manager-1", sessions=1234, lease=12.4),
        manager("bb22", "cm", alive=False, lease=None),
        presence(),
    )
    assert (
        shown(found, noted=["cm (bb22) ended without a word."])
        == """\
Roost at example.net: all is well

Connection managers: 1 running, 1,234 sessions
  name                  id    version        up         heard      lease  sessions  metrics
  connection-manager-1  aa11  1.0      3 h 12 m       2 s ago  12 s left     1,234  10.0.0.1:9090
  cm                    bb22  1.0          gone  1 m 30 s ago       none         0  10.0.0.1:9090

Presence: 1 running, 4 of 4 shards owned, 0 entries waiting
  name        id  version        up    heard     lease  shards  waiting  metrics
  presence-1  pp  1.0      3 h 12 m  1 s ago  9 s left       4        0  10.0.0.1:9090

Redis:    Valkey 9.0.1, one server, 3.1 MiB in use
Database: PostgreSQL 18.1, schema 3, 12 accounts

  · cm (bb22) ended without a word."""
    )


def test_one_that_drains_is_seen():
    found = cluster(manager(draining=True), manager("bb", "cm-2"), presence(draining=True))
    lines = [line.split() for line in shown(found).splitlines()]
    assert ["cm-1", "aa", "1.0", "draining"] in [line[:4] for line in lines]
    assert ["presence-1", "pp", "1.0", "draining"] in [line[:4] for line in lines]


def test_numbers_stand_below_each_other():
    found = cluster(*(manager(f"m{n}", f"cm-{n}", sessions=10**n) for n in range(6)), presence())
    block = shown(found).split("\n\n")[1].splitlines()[1:]
    ends = {line.index("  10.0.0.1") for line in block[1:]}
    assert len(ends) == 1


def test_trouble_is_marked():
    text = page(cluster(redis="Redis is away", members=(), shards={}), ["Redis is away."], [])
    assert "something is wrong" in text
    assert "Redis:    cannot be reached" in click.unstyle(text)
    assert click.unstyle(text).endswith("✗ Redis is away.")
