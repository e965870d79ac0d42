"""What the registry, the shards and the processes themselves say, put together."""

from __future__ import annotations

import pytest

from roles.status.surveys import about, shards
from roost.cluster.overview import Pod, Process
from roost.roles.status.survey import _kind, _members

CM = about("aa", "connection-manager", "cm-1")
PRESENCE = about("pp", "presence", "presence-1")


def members(processes, pods=(), owned=()):
    return _members([Process(one, silent) for one, silent in processes], pods, owned, 15)


def test_each_process_has_what_is_its_own():
    pods = [Pod("aa", 40, 12.0, False)]
    owned = shards("pp", "other", "pp", waiting=3)
    manager, presence = members([(PRESENCE, 1.0), (CM, 2.0)], pods, owned)
    assert (manager.name, manager.sessions, manager.lease, manager.alive) == ("cm-1", 40, 12.0, True)
    assert (presence.name, presence.shards, presence.waiting, presence.lease) == (
        "presence-1",
        (0, 2),
        6,
        9.0,
    )


@pytest.mark.parametrize(("silent", "alive"), [(0.0, True), (14.9, True), (15.1, False)])
def test_who_is_silent_for_longer_than_a_lease_is_dead(silent, alive):
    [manager] = members([(CM, silent)])
    assert (manager.alive, manager.lease) == (alive, None)


def test_a_dead_pod_that_is_being_swept():
    [manager] = members([(CM, 20.0)], [Pod("aa", 7, None, True)])
    assert (manager.alive, manager.swept, manager.sessions) == (False, True, 7)


def test_a_pod_that_has_said_nothing_of_itself():
    [manager] = members([], [Pod("bb", 7, 3.0, False)])
    assert (manager.name, manager.role, manager.about, manager.alive) == (
        "bb",
        "connection-manager",
        None,
        True,
    )


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis://h:1", "one server"),
        ("unix:///run/redis", "one server"),
        ("rediss+cluster://h:1", "a cluster"),
        ("redis+sentinel://h:1/x", "one server watched by Sentinel"),
    ],
)
def test_the_kind_of_redis(url, kind):
    assert _kind(url) == kind
