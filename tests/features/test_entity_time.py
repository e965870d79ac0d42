"""XEP-0202."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from roost.features.entity_time import EntityTime
from roost.protocol.timestamps import parse_timestamp


def test_the_time_now():
    zone, utc = asyncio.run(EntityTime().time(None))
    assert zone.text == "+00:00"
    assert abs(parse_timestamp(utc.text) - datetime.now(UTC)) < timedelta(seconds=5)
