"""What waits in the queues of sessions that have ended, on its way to others; each entry goes once.

To another session of the account it goes in the script that takes it off the queue. On its way elsewhere it
stays in the queue until it has arrived there: who dies in between is followed by one that sends it again.
"""

from __future__ import annotations

import time
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.resp import pack
from roost.protocol.jid import Jid

_LEFT_OVER = 2  # as deliver.lua has it: a message that goes to the store if nobody takes it


class Leftovers:
    """Implements core.ports.Leftovers."""

    def __init__(self, client: RedisClient, *, queue_stanzas: int) -> None:
        """`queue_stanzas` bounds what may wait for one session, as for the bus."""
        self._client = client
        self._deliver = client.script("deliver")
        self._most = queue_stanzas

    async def hand_on(
        self, owner: Jid, sid: str, position: int, stanza: bytes, choices: str, resource: str, *, store: bool
    ) -> int:
        """See core.ports.Leftovers."""
        payload = b"1\t%d\n%b" % (time.time_ns() // 1_000, stanza)  # see cluster.bus
        missed = _LEFT_OVER if store else 0
        arguments = (choices, resource, payload, missed, self._most, sid, position)
        return int(await self._client.run(self._deliver, [keys.registry(owner.bare)], *arguments))

    def take_off(self, owner: Jid, sid: str, position: int) -> None:
        """See core.ports.Leftovers."""
        queue = keys.queue(owner.bare, sid)
        self._client.send(queue, pack("XDEL", queue, f"1-{position}"), _ignore)


def _ignore(_reply: Any) -> None:
    """If it is still there, a successor sends it again, or else it goes when the session is forgotten."""
