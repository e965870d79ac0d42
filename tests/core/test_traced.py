"""Logins with a span around them are logins all the same."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.test_authentication import ITERATIONS, Accounts, Rates, Wire
from roost.core.authentication import Authenticator, LoginLimits
from roost.core.traced import authenticator
from roost.protocol.errors import SaslFailure
from roost.protocol.sasl import Success
from roost.runtime.spans import Tracer

PARTS = (Accounts(), ThreadPoolExecutor(1))


def made(tracer):
    return authenticator(tracer, *PARTS, Rates(), iterations=ITERATIONS, limits=LoginLimits(9, 9))


async def plain(auth, text):
    exchange = await auth.begin("PLAIN", "example.net", Wire())
    return exchange, await exchange.turn(b64encode(text.encode()).decode())


def test_off_is_what_it_was():
    assert type(made(None)) is Authenticator


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_an_exchange_says_the_same_with_a_span_and_without(collector, ratio):
    async def play():
        tracer = Tracer(collector.url, ratio, role="x", pod="pod", id="1")
        auth = made(tracer)
        exchange, said = await plain(auth, "\0juliet\0secret")
        assert isinstance(said, Success)
        assert exchange.account.bare == exchange.candidate.bare == "juliet@example.net"
        assert exchange.mechanism == "PLAIN"
        with pytest.raises(SaslFailure):
            await plain(auth, "\0juliet\0wrong")
        await tracer.close()

    asyncio.run(play())
    if not ratio:
        assert collector.spans == []
        return
    outcomes = [one.attributes["roost.outcome"] for one in collector.until(2, "login")]
    assert outcomes == ["success", "not-authorized"]
