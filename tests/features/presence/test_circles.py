from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from roost.core.ports import RosterItem
from roost.features.presence.circles import Circle, Circles


def hosted(bare: str) -> bool:
    return bare.endswith("@example.net")


def test_a_circle_is_who_hears_and_who_is_heard() -> None:
    circle = Circle.of(
        [
            RosterItem("to@example.net", subscription="to"),
            RosterItem("from@example.net", subscription="from"),
            RosterItem("both@example.net", subscription="both"),
            RosterItem("none@example.net", ask=True),
            RosterItem("asks@example.net", pending_in=True, listed=False, request=b"<presence/>"),
            RosterItem("far@example.com", subscription="both"),
        ],
        hosted,
    )
    assert circle.subscribers == ("from@example.net", "both@example.net")
    assert circle.subscriptions == ("to@example.net", "both@example.net")
    assert circle.requests == (b"<presence/>",)


class Rosters:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def load(self, owners: Sequence[str]) -> list[list[RosterItem]]:
        self.asked.append(list(owners))
        return [[RosterItem(f"friend-of-{owner}", subscription="both")] for owner in owners]


def test_only_what_is_not_kept_is_read_and_all_of_it_at_once() -> None:
    rosters: Any = Rosters()
    circles = Circles(rosters, hosted, limit=2)

    async def play() -> None:
        await circles.load(["a@example.net"])
        found = await circles.load(["a@example.net", "b@example.net", "c@example.net"])
        assert [found[f"{one}@example.net"].subscribers for one in "abc"] == [
            (f"friend-of-{one}@example.net",) for one in "abc"
        ]
        await circles.load(["c@example.net"])
        await circles.load(["a@example.net"])
        circles.drop("c@example.net")
        await circles.load(["c@example.net"])

    asyncio.run(play())
    assert [[owner[0] for owner in owners] for owners in rosters.asked] == [
        ["a"],
        ["b", "c"],
        ["a"],  # the bound is two, and it had been longest unused
        ["c"],  # its roster changed
    ]
