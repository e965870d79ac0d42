"""How many sessions and pods the registry knows, looked at now and then rather than counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import hiredis

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.resp import pack
from roost.core.ports import BusUnavailable
from roost.runtime.figures import Figures

_SECONDS = 5  # between looks; a look costs a command a pod
Found = TypeVar("Found")


class _Looking(Generic[Found]):
    """Remembers what the last look found; None when Redis could not be asked."""

    def __init__(self, client: RedisClient) -> None:
        self._client = client
        self._found: Found | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                self._found = await self.look()
            except (BusUnavailable, hiredis.ReplyError):
                self._found = None
            await asyncio.sleep(_SECONDS)

    async def look(self) -> Found | None:
        """What is so now; raises BusUnavailable."""
        raise NotImplementedError


class Census(_Looking[tuple[int, int]]):
    """The whole cluster's numbers, told by one process at a time."""

    def __init__(self, client: RedisClient, ours: Callable[[], bool]) -> None:
        """`ours` says whether this is the process that tells."""
        super().__init__(client)
        self._ours = ours

    async def look(self) -> tuple[int, int] | None:
        """Pods with a lease, and the sessions in their indexes, if they are ours to tell."""
        if not self._ours():
            return None
        pods = await self._client.call(keys.PODS, "ZRANGE", keys.PODS, 0, -1)
        indexes = [keys.pod_sessions(pod.decode()) for pod in pods]
        sizes = await self._client.gather([(index, pack("SCARD", index)) for index in indexes])
        return len(pods), sum(sizes)

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "registry_pods": lambda: None if self._found is None else self._found[0],
            "registry_sessions": lambda: None if self._found is None else self._found[1],
        }


class Drift(_Looking[int]):
    """How far the registry's idea of this pod's sessions is from what it has.

    A session that begins or ends makes a difference for a moment. One that stays is a session that nobody
    can reach, or a ghost to which messages go.
    """

    def __init__(self, client: RedisClient, pod: str, here: Callable[[], int]) -> None:
        """`here` counts the sessions that `pod`, this process, has."""
        super().__init__(client)
        self._index = keys.pod_sessions(pod)
        self._here = here

    async def look(self) -> int:
        """Sessions in the registry less sessions here."""
        return int(await self._client.call(self._index, "SCARD", self._index)) - self._here()

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {"registry_drift": lambda: self._found}
