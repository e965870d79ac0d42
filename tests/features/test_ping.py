"""XEP-0199."""

from __future__ import annotations

import asyncio

from roost.core.features import iq_handlers
from roost.features.ping import Ping


def test_an_empty_result_for_the_server_and_for_accounts():
    handlers = iq_handlers([Ping()])
    assert {key.addressee for key in handlers} == {"server", "account"}
    assert [asyncio.run(handler(None)) for handler in handlers.values()] == [None, None]
