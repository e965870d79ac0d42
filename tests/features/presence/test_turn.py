from __future__ import annotations

import asyncio
from typing import Any

from roost.core.ports import RosterItem, SessionRecord
from roost.features.presence.audience import Audience
from roost.features.presence.circles import Circles
from roost.features.presence.turn import Turn


class Ports:
    """Registry, rosters and fan-out that count what they are asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.sent: list[tuple[int, int, int, bytes]] = []

    async def sessions(self, bares: list[str]) -> list[list[SessionRecord]]:
        self.asked.append(list(bares))
        return [
            [
                SessionRecord("on", f"{bare}-1", "pod", 1, 0, False, False),
                SessionRecord("mute", f"{bare}-2", "pod", 1, None, False, False),
                SessionRecord("gone", f"{bare}-3", "pod", 1, 5, False, True),
            ]
            for bare in bares
        ]

    async def load(self, owners: list[str]) -> list[list[RosterItem]]:
        return [[RosterItem("b", subscription="from")] for _owner in owners]

    def presence(
        self, shard: int, entry: int, place: int, before: bytes, after: bytes, receivers: Any
    ) -> None:
        self.sent.append((shard, entry, place, before + b"|" + after))


def made(ports: Any) -> Turn:
    circles = Circles(ports, lambda _bare: True, limit=9)
    return Turn(2, ports, circles, Audience(ports, lambda _bares: None, keeps=lambda: False), ports)


def test_records_are_read_once_and_only_the_available_receive() -> None:
    ports: Any = Ports()
    turn = made(ports)

    async def play() -> list[SessionRecord]:
        await turn.load_records(["a", "b"])
        return await turn.receivers(["b", "c"])

    assert [record.sid for record in asyncio.run(play())] == ["b-1", "c-1"]
    assert ports.asked == [["a", "b"], ["c"]]
    assert len(turn.records("a")) == 3


def test_sendings_are_numbered_within_their_entry() -> None:
    ports: Any = Ports()
    turn = made(ports)
    someone = [SessionRecord("on", "s", "pod", 1, 0, False, False)]
    for position in (7, 8):
        turn.begin(position)
        turn.send(b"<presence/>", someone)
        turn.send(b"<presence from='nobody hears'/>", [])
        turn.send(b"<presence id='x'/>", someone)
    assert [sent[:3] for sent in ports.sent] == [(2, 7, 0), (2, 7, 1), (2, 8, 0), (2, 8, 1)]
    assert ports.sent[1][3] == b"<presence to='|' id='x'/>"
