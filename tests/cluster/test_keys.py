"""Names of keys: all that belongs to one account lies in one slot, and no name ends another's tag."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from redis.crc import key_slot

from roost.cluster import keys

names = st.text(st.characters(codec="utf-8"), min_size=1)


@given(names, names)
def test_what_belongs_to_an_account_lies_in_one_slot(bare, sid):
    of_account = [
        keys.registry(bare),
        keys.presences(bare),
        keys.queue(bare, sid),
        keys.directed(bare, sid),
        keys.pending(bare),
        keys.handed(bare),
        keys.channel(bare),
    ]
    assert len({key_slot(key.encode()) for key in of_account}) == 1
    assert len(set(of_account)) == len(of_account)


@given(names, names)
@example("a}@example.net", "a%7D@example.net")
def test_two_accounts_have_two_names(one, another):
    assert (keys.registry(one) == keys.registry(another)) == (one == another)


def test_a_shard_and_its_owner_lie_in_one_slot():
    of_shard = [keys.shard("presence", 3), keys.shard_owner("presence", 3), keys.shard_marks("presence", 3)]
    assert len({key_slot(key.encode()) for key in of_shard}) == 1


def test_the_pods_and_those_being_swept_lie_in_one_slot():
    assert key_slot(keys.PODS.encode()) == key_slot(keys.SWEPT.encode())
