"""What tests of Redis may ask for: clients, and ways to wait for what they hear."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from roost.cluster.client import RedisClient
from roost.cluster.topology import topology


class Heard(list):
    """What was heard, in order."""

    def __init__(self):
        super().__init__()
        self._changed = asyncio.Event()

    def hear(self, *what):
        self.append(what[0] if len(what) == 1 else what)
        self._changed.set()

    async def until(self, done):
        """Wait until `done` says yes of this list; the test has a deadline."""
        while not done(self):
            self._changed.clear()
            await self._changed.wait()


@pytest.fixture
def heard():
    return Heard


def _client(url, *, timeout=5, probe_seconds=60):
    return RedisClient(topology(url, timeout), timeout=timeout, probe_seconds=probe_seconds)


@pytest.fixture
def client():
    """Makes a client that is not open yet: what uses it announces its scripts first."""
    return _client


@asynccontextmanager
async def _opened(*clients):
    for one in clients:
        await one.open()
    try:
        yield clients
    finally:
        for one in clients:
            await one.close()


@pytest.fixture
def opened():
    """A context in which clients are open."""
    return _opened


async def _eventually(done):
    """Look until `done` says yes; the test has a deadline."""
    while True:
        found = done()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(0.005)


@pytest.fixture
def eventually():
    return _eventually


@asynccontextmanager
async def _deaf(client):
    """A fault in the links: publications get lost."""
    links = list(client._links.values())
    hearing = [link._on_push for link in links]
    for link in links:
        link._on_push = lambda _push: None
    try:
        yield
    finally:
        for link, hear in zip(links, hearing, strict=True):
            await link.call("PING")  # what was published before is here by now
            link._on_push = hear


@pytest.fixture
def deaf():
    return _deaf
