"""What is wrong, a sentence each, and what only deserves a look."""

from __future__ import annotations

import pytest

from roles.status.surveys import cluster, manager, presence, shards
from roost.roles.status.findings import notes, wrongs
from roost.roles.status.survey import Store
from roost.store.migrate import Schema


def test_a_cluster_that_is_well():
    assert wrongs(cluster()) == []
    assert notes(cluster()) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (cluster(presence()), "No connection manager is running"),
        (cluster(manager(alive=False), presence()), "No connection manager is running"),
        (cluster(manager()), "No presence process is running"),
        (cluster(manager(lease=None), presence()), "cm-1 has no lease"),
        (
            cluster(shards={"presence": shards("pp", None, None, "pp")}),
            "Shards 1-2 of presence have no owner",
        ),
        (cluster(shards={"presence": shards("pp", None, "pp", None)}), "Shards 1, 3 of presence have"),
        (cluster(shards={"presence": shards("pp", None, "pp", "pp")}), "Shard 1 of presence has no owner"),
        (cluster(store=Store("18.1", Schema(2, 1, 3), None)), "run `roost migrate`"),
        (cluster(store=Store("18.1", Schema(5, 4, 3), None)), "newer than this release"),
        (cluster(store="PostgreSQL is away"), "PostgreSQL is away."),
        (cluster(redis="Redis is away", members=(), shards={}), "Redis is away."),
        (
            cluster(manager(), presence(presence_shards=8)),
            "Processes differ in their setting presence_shards: 4 and 8.",
        ),
    ],
)
def test_what_is_wrong(found, said):
    [sentence] = wrongs(found)
    assert said in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (cluster(manager(), presence(version="1.1")), "Versions 1.0 and 1.1 run side by side."),
        (cluster(version="2.0"), "The processes are of version 1.0, and this command of 2.0."),
        (cluster(domain="localhost"), "The processes have the setting domain = example.net, this command"),
        (
            cluster(manager(sessions=1234, draining=True), manager("bb", "cm-2"), presence()),
            "cm-1 (aa) is draining, sessions left: 1,234.",
        ),
        (cluster(manager(), presence(draining=True)), "presence-1 (pp) is draining."),
        (
            cluster(manager(), manager("bb", alive=False, draining=True), presence()),
            "cm-1 (bb) ended without a word",
        ),
        (
            cluster(manager(), manager("bb", alive=False), presence()),
            "cm-1 (bb) ended without a word, and runs",
        ),
        (
            cluster(manager(), manager("bb", "cm-2", alive=False), presence()),
            "cm-2 (bb) ended without a word.",
        ),
        (
            cluster(manager(), manager("bb", "cm-2", alive=False, swept=True, sessions=40), presence()),
            "cm-2 (bb) is dead, and its 40 sessions are being ended.",
        ),
    ],
)
def test_what_deserves_a_look(found, said):
    assert wrongs(found) == []
    [sentence] = notes(found)
    assert sentence.startswith(said)
