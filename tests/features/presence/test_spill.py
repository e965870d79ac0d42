from __future__ import annotations

from typing import Any

import pytest

ROMEO, JULIET = "romeo@example.net", "juliet@example.com"
ORCHARD = f"{ROMEO}/orchard"
BALCONY, CHAMBER = f"{JULIET}/balcony", f"{JULIET}/chamber"


def chat(text: str, to: str = BALCONY, type: str = "chat") -> bytes:
    return f"<message from='{ORCHARD}' to='{to}' type='{type}' id='1'><body>{text}</body></message>".encode()


@pytest.fixture
def balcony(world: Any) -> Any:
    """Juliet on the balcony, Romeo in the orchard."""
    for full in (BALCONY, ORCHARD):
        world.login(full)
        world.available(full)
    world.settle()
    world.silence()
    return world


def leave(world: Any, *waiting: bytes) -> None:
    """End the session on the balcony with stanzas in its queue."""
    world.queues[world.record(BALCONY).sid] += waiting
    world.end(BALCONY)
    world.settle()


def test_messages_go_to_another_session_in_order(balcony: Any) -> None:
    balcony.login(CHAMBER)
    balcony.available(CHAMBER, priority=-1)
    balcony.available(CHAMBER, priority=0)
    balcony.settle()
    balcony.silence()
    leave(balcony, chat("one"), chat("two", JULIET), chat("three"))
    assert [one for one in balcony.heard(CHAMBER) if one.startswith("message")] == [
        f"message chat {ORCHARD} {text}" for text in ("one", "two", "three")
    ]


def test_messages_are_kept_when_nobody_is_there(balcony: Any) -> None:
    leave(balcony, chat("one"), chat("two", JULIET))
    assert balcony.stored == [chat("one"), chat("two", JULIET)]


def test_what_cannot_be_kept_goes_back(balcony: Any) -> None:
    request = f"<iq from='{ORCHARD}' to='{BALCONY}' type='get' id='v'><query xmlns='a'/></iq>".encode()
    leave(balcony, request, chat("all", type="groupchat"))
    assert balcony.heard(ORCHARD) == [f"iq error {BALCONY}", f"message error {BALCONY}"]
    assert balcony.stored == []


def test_what_meant_something_only_then_is_dropped(balcony: Any) -> None:
    push = (
        f"<iq to='{BALCONY}' type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='a@b'/></query></iq>"
    )
    presence = f"<presence from='{ROMEO}' to='{JULIET}' type='subscribe'/>"
    leave(balcony, push.encode(), presence.encode(), chat("news", type="headline"), chat("no", type="error"))
    assert balcony.heard(ORCHARD) == balcony.stored == []
    assert balcony.dropped == ["leftover"] * 4
