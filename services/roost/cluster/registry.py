"""The session registry: who is online, where; what each session last said of itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.link import Done
from roost.cluster.resp import bulk, pack
from roost.core.ports import Bound, Leftover, Presence, Rest, SessionRecord
from roost.protocol.jid import Jid

_PART_BYTES = 262_144  # of a queue that is handed on; see cluster.reading
_KEPT = 65_536  # packed commands and parsed records


class Registry:
    """The registry as connection managers and the presence service use it.

    All writes name the session's id and do nothing when the record is not that session's any more:
    a late old owner is fenced out.
    """

    def __init__(self, client: RedisClient, *, sessions_per_account: int, directed_per_session: int) -> None:
        """Bounds: live sessions of one account; addresses that a session's directed presence went to."""
        self._client = client
        self._limit = sessions_per_account
        self._directed = b"%d" % directed_per_session
        self._bind = client.script("bind")
        self._update = client.script("update")
        self._end = client.script("end")
        self._leftover = client.script("leftover")
        self._forget = client.script("forget")

    # --- a connection manager's part ---

    async def bind(self, jid: Jid, sid: str, pod: str, state: str = "", presence: bytes = b"") -> Bound:
        """Enter a session under its full JID; raises BusUnavailable.

        The pod's index is written first, so that a sweep finds every session that is in the registry.
        `state` and `presence` are those of a session that is entered again after Redis came back empty.
        """
        await self._client.call(keys.pod_sessions(pod), "SADD", keys.pod_sessions(pod), f"{jid.full}\t{sid}")
        reply = await self._client.run(
            self._bind, [keys.registry(jid.bare)], jid.resource or "", sid, pod, self._limit, state, presence
        )
        if reply[0] == 0:
            await self._unlist(jid, sid, pod)
            return Bound(False, None)
        return Bound(True, reply[1].decode() or None)

    def available(self, jid: Jid, sid: str, priority: int, presence: bytes, done: Done) -> None:
        """Note a session's available presence; `done` hears 1, or 0 when the session is not there."""
        self._send_update(jid, sid, done, "p", priority, presence)

    def unavailable(self, jid: Jid, sid: str, done: Done) -> None:
        """Note that a session is connected but not available."""
        self._send_update(jid, sid, done, "u")

    def directed(self, jid: Jid, sid: str, to: str, done: Done, *, available: bool) -> None:
        """Note that directed presence went to `to` (RFC 6121 section 4.6.3); nothing beyond the bound."""
        self._send_update(jid, sid, done, "d" if available else "x", to, self._directed)

    async def interested(self, jid: Jid, sid: str) -> None:
        """Note that a session has asked for the roster (RFC 6121 section 2.2); raises BusUnavailable."""
        key = keys.registry(jid.bare)
        await self._client.run(self._update, [key], jid.resource or "", sid, "i", "", "")

    async def end(self, jid: Jid, sid: str) -> bool:
        """Mark a session as ended; False when it had no live record. Raises BusUnavailable."""
        key = keys.registry(jid.bare)
        return bool(await self._client.run(self._end, [key], jid.resource or "", sid))

    def _send_update(
        self, jid: Jid, sid: str, done: Done, what: str, first: str | int = "", second: bytes = b""
    ) -> None:
        key = keys.registry(jid.bare)
        arguments = (key, jid.resource or "", sid, what, first, second)
        self._client.send(key, self._update.head(5) + b"".join(map(bulk, arguments)), done)

    # --- the presence service's part ---

    async def sessions(self, bares: Sequence[str]) -> list[list[SessionRecord]]:
        """See core.ports.Registry."""
        return [_records(reply) for reply in await self._client.gather(list(map(_read_registry, bares)))]

    async def presences(self, bares: Sequence[str]) -> list[list[Presence]]:
        """See core.ports.Registry."""
        return [_presences(reply) for reply in await self._client.gather(list(map(_read_presences, bares)))]

    async def leftover(self, jid: Jid, sid: str) -> Leftover | None:
        """What an ended session leaves behind; None when there is no such session. Raises BusUnavailable.

        A session that is still live in the registry, as a dead pod's are, is marked as ended first.
        """
        found = await self._left_behind(jid, sid)
        if found is None and await self.end(jid, sid):
            found = await self._left_behind(jid, sid)
        return found

    async def _left_behind(self, jid: Jid, sid: str) -> Leftover | None:
        key = keys.registry(jid.bare)
        reply = await self._client.run(self._leftover, [key], jid.resource or "", sid)
        if not reply:
            return None
        record, presence, directed = reply
        return Leftover(
            _record(f"{jid.resource}\t{sid}".encode(), record),
            presence or None,
            tuple(one.decode() for one in directed),
        )

    async def directed_to(self, jid: Jid, sid: str) -> tuple[str, ...]:
        """See core.ports.PresenceRegistry."""
        key = keys.directed(jid.bare, sid)
        return tuple(one.decode() for one in await self._client.call(key, "SMEMBERS", key))

    async def forget(self, jid: Jid, sid: str, pod: str, behind: int) -> Rest | None:
        """See core.ports.PresenceRegistry."""
        reply = await self._client.run(
            self._forget, [keys.registry(jid.bare)], jid.resource or "", sid, behind, _PART_BYTES
        )
        if reply:
            return Rest(_stanzas(reply[0]), reply[1], tuple(reply[2]))
        await self._unlist(jid, sid, pod)
        return None

    async def _unlist(self, jid: Jid, sid: str, pod: str) -> None:
        await self._client.call(keys.pod_sessions(pod), "SREM", keys.pod_sessions(pod), f"{jid.full}\t{sid}")


# What does not change between two readings is made once: a change of presence reads the records of
# all contacts, and they are mostly the same as last time.


def _stanzas(payloads: list[bytes]) -> tuple[bytes, ...]:
    return tuple(payload.partition(b"\n")[2] for payload in payloads)


@lru_cache(_KEPT)
def _read_registry(bare: str) -> tuple[str, bytes]:
    key = keys.registry(bare)
    return key, pack("HGETALL", key)


@lru_cache(_KEPT)
def _read_presences(bare: str) -> tuple[str, bytes]:
    key = keys.presences(bare)
    return key, pack("HGETALL", key)


def _records(reply: dict[bytes, bytes] | list[bytes]) -> list[SessionRecord]:
    return [_record(field, value) for field, value in _pairs(reply)]


@lru_cache(_KEPT)
def _record(field: bytes, value: bytes) -> SessionRecord:
    sid, pod, generation, priority, *_newer, flags = value.decode().split("\t")
    return SessionRecord(
        field.decode().partition("\t")[0],
        sid,
        pod,
        int(generation),
        None if priority == "-" else int(priority),
        "i" in flags,
        flags.endswith("e"),
    )


def _presences(reply: dict[bytes, bytes] | list[bytes]) -> list[Presence]:
    # the presence of an ended session waits under `resource<tab>sid` for its unavailable
    return [Presence(field.decode(), raw) for field, raw in _pairs(reply) if b"\t" not in field]


def _pairs(reply: dict[bytes, bytes] | list[bytes]) -> Iterable[tuple[bytes, bytes]]:
    return reply.items() if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True)
