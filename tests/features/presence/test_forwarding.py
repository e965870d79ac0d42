from __future__ import annotations

import asyncio
from typing import Any

from roost.features.presence.forwarding import Forwarding, stanza
from roost.protocol.envelope import decode_entry
from roost.protocol.subscription import TYPES


class Stream:
    def __init__(self) -> None:
        self.got: list[tuple[int, list[tuple[str, bytes, int]]]] = []

    async def forward(self, shard: int, entries: list[tuple[str, bytes, int]]) -> None:
        self.got.append((shard, entries))


class Turn:
    shard = 3
    position = 0

    def __init__(self) -> None:
        self.forwards: list[tuple[str, bytes, int]] = []


def test_marks_go_up_with_positions_and_tell_types_apart() -> None:
    stream: Any = Stream()
    turn: Any = Turn()
    dropped: list[str] = []
    forwarding = Forwarding(stream, lambda bare: bare.endswith("@example.net"), dropped.append)

    async def play() -> None:
        for turn.position in (0, 1):
            for type in ("probe", *sorted(TYPES)):
                forwarding.say(turn, type, "a@example.net", "b@example.net", 7, "id", "extra")
        forwarding.say(turn, "subscribe", "a@example.net", "b@example.com", 7)  # no server of ours
        await forwarding.send(turn)
        await forwarding.send(Turn())  # type: ignore[arg-type]

    asyncio.run(play())
    assert dropped == ["elsewhere"]
    [(shard, entries)] = stream.got
    marks = [mark for _key, _entry, mark in entries]
    assert marks == sorted(set(marks))
    key, data, _mark = entries[1]
    entry = decode_entry(data)
    assert (key, shard, entry.verb, entry.subject) == ("b@example.net", 3, "in-subscribe", "b@example.net")
    assert (entry.at, entry.extra) == (7, "extra")
    assert entry.raw == stanza("subscribe", "a@example.net", "b@example.net", "id")
