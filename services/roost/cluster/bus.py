"""Stanzas to sessions: append and publish in one script (see scripts/deliver.lua).

The payload of a queue's entry is a head, a newline and the stanza's bytes. The head is the version, 1, and
the time at which the stanza was given to the bus, in µs since the epoch, with a tab between them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.link import Done, answer_into
from roost.cluster.resp import bulk
from roost.core.ports import BusUnavailable, Choice

_HEADS = 32_768  # accounts whose packed command head is kept


class Bus:
    """The way from any process to any session."""

    def __init__(self, client: RedisClient, *, queue_stanzas: int) -> None:
        """`queue_stanzas` bounds what may wait for one session; over it the session is closed by name."""
        self._client = client
        self._deliver = client.script("deliver")
        self._stored = client.script("stored")
        self._hand_on = client.script("hand_on")
        self._drained = client.script("drained")
        self._tails = [bulk(store) + bulk(queue_stanzas) for store in range(2)]
        self._heads: dict[str, tuple[str, bytes]] = {}
        self._choices: dict[str, bytes] = {}

    def deliver(
        self,
        bare: str,
        choices: str,
        resource: str,
        stanza: bytes,
        done: Done,
        *,
        store: bool,
        trace: bytes = b"",
    ) -> None:
        """See core.ports.Bus. `trace` stands behind the time in the envelope's head; see cluster.traced."""
        key, head = self._heads.get(bare) or self._head(bare)
        named = resource.encode()
        payload = b"1\t%d%b\n%b" % (time.time_ns() // 1_000, trace, stanza)
        command = b"%b%b$%d\r\n%b\r\n$%d\r\n%b\r\n%b" % (
            head,
            self._choices.get(choices) or self._packed(choices),
            len(named),
            named,
            len(payload),
            payload,
            self._tails[store],
        )
        self._client.send(key, command, done)

    async def deliver_now(self, bare: str, choice: Choice, resource: str, stanza: bytes) -> int:
        """See core.ports.Bus."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.deliver(bare, choice.value, resource, stanza, answer_into(future), store=False)
        count = await future
        if isinstance(count, Exception):
            raise BusUnavailable("the stanza could not be put on the bus") from count
        return int(count)

    def stored(self, bare: str, *, failed: int = 0) -> None:
        """A message the bus found nobody for is in the offline store, or `failed` ones never got there.

        When somebody has come meanwhile, their pod is told to fetch.
        """
        key = keys.registry(bare)
        command = self._stored.head(1) + bulk(key) + bulk(failed)
        self._client.send(key, command, _ignore)

    async def hand_on(self, bare: str, message: int, stanza: bytes) -> int:
        """See core.ports.OfflinePassage."""
        payload = b"1\t%d\n%b" % (time.time_ns() // 1_000, stanza)
        return int(await self._client.run(self._hand_on, [keys.registry(bare)], message, payload))

    async def drained(self, bare: str, messages: Sequence[int]) -> None:
        """See core.ports.OfflinePassage."""
        await self._client.run(self._drained, [keys.pending(bare), keys.handed(bare)], *messages)

    async def close_session(self, bare: str, sid: str, condition: str) -> None:
        """Ask the pod of a session, wherever it is, to close it with an error; raises BusUnavailable."""
        channel = keys.channel(bare)
        await self._client.call(channel, "SPUBLISH", channel, f"c\tclose\t{sid}\t{condition}\n\n")

    def _head(self, bare: str) -> tuple[str, bytes]:
        if len(self._heads) >= _HEADS:
            self._heads.clear()
        key = keys.registry(bare)
        made = self._heads[bare] = (key, self._deliver.head(5) + bulk(key))
        return made

    def _packed(self, choices: str) -> bytes:
        packed = self._choices[choices] = bulk(choices)
        return packed


def _ignore(_reply: Any) -> None:
    pass
