"""What is kept of contacts' sessions, and when it is not to be believed."""

from __future__ import annotations

import asyncio

from roost.core.ports import SessionRecord
from roost.features.presence.audience import Audience

ROMEO, JULIET = "romeo@example.net", "juliet@example.net"
HERE = SessionRecord("orchard", "s1", "pod", 1, 0, False, False)
SILENT = HERE._replace(sid="s2", priority=None)
ENDED = HERE._replace(sid="s3", ended=True)


class Registry:
    def __init__(self):
        self.known = {ROMEO: [HERE, SILENT, ENDED], JULIET: []}
        self.asked = []
        self.reading = None

    async def sessions(self, bares):
        self.asked += bares
        found = [list(self.known[bare]) for bare in bares]
        if self.reading is not None:
            await self.reading()
        return found


def made(*, keeps=True):
    registry, told = Registry(), []
    return registry, told, Audience(registry, told.append, keeps=lambda: keeps)


def load(audience, *bares):
    return asyncio.run(audience.load(bares))


def test_only_available_sessions_hear():
    _registry, _told, audience = made()
    assert load(audience, ROMEO, JULIET) == {ROMEO: [HERE], JULIET: []}


def test_what_has_not_changed_is_not_read_again():
    registry, _told, audience = made()
    load(audience, ROMEO, JULIET)
    load(audience, JULIET, ROMEO)
    assert registry.asked == [ROMEO, JULIET]


def test_who_has_come_or_gone_is_read_again_and_everyone_is_told():
    registry, told, audience = made()
    load(audience, ROMEO, JULIET)
    registry.known[JULIET] = [HERE]
    audience.changed([JULIET])
    assert load(audience, ROMEO, JULIET)[JULIET] == [HERE]
    assert registry.asked == [ROMEO, JULIET, JULIET]
    assert told == [[JULIET]]


def test_what_was_being_read_while_somebody_came_is_not_kept():
    registry, _told, audience = made()

    async def somebody_comes():
        audience.heard([JULIET])

    registry.reading = somebody_comes
    load(audience, JULIET)
    registry.reading = None
    load(audience, JULIET)
    assert registry.asked == [JULIET, JULIET]


def test_nothing_is_kept_when_news_may_be_late_or_lost():
    registry, _told, audience = made(keeps=False)
    load(audience, ROMEO)
    load(audience, ROMEO)
    assert registry.asked == [ROMEO, ROMEO]
    registry, _told, audience = made()
    load(audience, ROMEO)
    audience.clear()
    load(audience, ROMEO)
    assert registry.asked == [ROMEO, ROMEO]
