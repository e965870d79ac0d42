"""The end of an account: contacts first, then the account, then its sessions."""

from __future__ import annotations

import asyncio

from roost.core.ports import SessionRecord
from roost.core.removal import AccountRemoval

JULIET = "juliet@example.net"


class World:
    def __init__(self, *, exists=True):
        self.done = []
        self.exists = exists

    async def leave(self, bare):
        self.done.append(("leave", bare))

    async def remove(self, bare):
        self.done.append(("remove", bare))
        return self.exists

    async def sessions(self, bares):
        return [[SessionRecord("r", sid, "pod", 1, 0, True, False) for sid in ("s1", "s2")] for _ in bares]

    async def close_session(self, bare, sid, condition):
        self.done.append((sid, condition))


def test_the_order():
    world = World()
    removal = AccountRemoval(world, world.leave, world, world)
    assert asyncio.run(removal.remove(JULIET))
    asyncio.run(removal.close_sessions(JULIET))
    assert world.done == [
        ("leave", JULIET),
        ("remove", JULIET),
        ("s1", "not-authorized"),
        ("s2", "not-authorized"),
    ]


def test_no_such_account():
    world = World(exists=False)
    assert not asyncio.run(AccountRemoval(world, world.leave, world, world).remove(JULIET))
