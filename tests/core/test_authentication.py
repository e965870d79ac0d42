"""Logins: what succeeds, what fails, and that nobody can tell why."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest

from figures import told
from roost.core.authentication import Authenticator, LoginLimits
from roost.protocol.errors import SaslFailure
from roost.protocol.sasl import Challenge, Success
from roost.protocol.scram import derive_all

ITERATIONS = 4096
KEYS = derive_all(b"secret", ITERATIONS)


class Accounts:
    async def keys(self, bare):
        return KEYS if bare == "juliet@example.net" else []

    async def secret(self):
        return b"s" * 32


class Rates:
    def __init__(self):
        self.counts = {}

    async def take(self, name, limit, seconds):
        self.counts[name] = self.counts.get(name, 0) + 1
        return self.counts[name] <= limit

    async def allowed(self, *limits):
        return all(self.counts.get(name, 0) < limit for name, limit in limits)


class Wire:
    peer = "192.0.2.1"
    secure = True

    def __init__(self, bindings=None):
        self.bindings = bindings or {}

    def channel_bindings(self):
        return self.bindings


def authenticator(**limits):
    return Authenticator(
        Accounts(),
        ThreadPoolExecutor(1),
        Rates(),
        iterations=ITERATIONS,
        limits=LoginLimits(limits.get("account", 3), limits.get("address", 5)),
    )


async def plain(auth, text, wire=None):
    exchange = await auth.begin("PLAIN", "example.net", wire or Wire())
    said = await exchange.turn(b64encode(text.encode()).decode())
    assert isinstance(said, Success)
    return exchange.account


def failing(work):
    with pytest.raises(SaslFailure) as failure:
        asyncio.run(work)
    return failure.value.condition, failure.value.text


@pytest.mark.parametrize(
    "text",
    [
        "\0juliet\0secret",
        "\0Juliet\0secret",
        "juliet@example.net\0juliet\0secret",
        "Juliet@Example.NET\0Juliet\0secret",
    ],
)
def test_plain(text):
    assert asyncio.run(plain(authenticator(), text)).bare == "juliet@example.net"


def test_a_wrong_password_and_no_account_look_the_same():
    answers = {
        failing(plain(authenticator(), text)) for text in ("\0juliet\0no", "\0nobody\0no", "\0no body\0no")
    }
    assert answers == {("not-authorized", "")}


def test_a_wrong_password_and_no_account_cost_the_same():
    """What takes time is the hash: once for each try, of as many rounds, whoever is guessed at."""

    class Counting(ThreadPoolExecutor):
        def submit(self, work, keys, password):
            rounds.append((work, keys.mechanism, keys.iterations, len(keys.salt)))
            return super().submit(work, keys, password)

    rounds = []
    auth = authenticator()
    auth.executor = Counting(1)
    for name in ("juliet", "nobody", "no body"):
        failing(plain(auth, f"\0{name}\0no"))
    assert len(rounds) == 3
    assert len(set(rounds)) == 1


@pytest.mark.parametrize("who", ["romeo@example.net", "juliet@example.net/balcony", "example.net", "a b@c"])
@pytest.mark.parametrize("name", ["juliet", "nobody", "no body"])
def test_nobody_acts_for_others(who, name):
    assert failing(plain(authenticator(), f"{who}\0{name}\0secret")) == ("invalid-authzid", "")


def test_an_initial_response_may_come_later():
    async def play():
        exchange = await authenticator().begin("PLAIN", "example.net", Wire())
        asked = await exchange.turn(None)
        assert asked == Challenge(b"")
        return await exchange.turn(b64encode(b"\0juliet\0secret").decode())

    assert isinstance(asyncio.run(play()), Success)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_an_answer_that_says_nothing_is_an_answer(mechanism):
    """Who was asked once is not asked again: a stream of empty responses gets nowhere."""

    async def play():
        exchange = await authenticator().begin(mechanism, "example.net", Wire())
        await exchange.turn(None)
        await exchange.turn(None)

    assert failing(play())[0] == "malformed-request"


def test_a_mechanism_that_is_not_offered():
    assert failing(authenticator().begin("DIGEST-MD5", "example.net", Wire()))[0] == "invalid-mechanism"
    assert failing(authenticator().begin("SCRAM-SHA-1-PLUS", "example.net", Wire()))[0] == "invalid-mechanism"


async def challenged(auth, name):
    exchange = await auth.begin("SCRAM-SHA-256", "example.net", Wire())
    said = await exchange.turn(b64encode(f"n,,n={name},r=nonce".encode()).decode())
    fields = dict(part.split("=", 1) for part in said.data.decode().split(","))
    return exchange, fields


def test_scram_challenges_do_not_tell_whether_an_account_exists():
    async def play():
        auth = authenticator()
        for name in ("juliet", "nobody"):
            _exchange, one = await challenged(auth, name)
            _exchange, again = await challenged(auth, name)
            assert one["s"] == again["s"]
            assert (len(one["s"]), one["i"]) == (24, str(ITERATIONS))

    asyncio.run(play())


def test_no_password_fits_an_account_that_does_not_exist():
    async def play():
        exchange, fields = await challenged(authenticator(), "nobody")
        final = f"c=biws,r={fields['r']},p={b64encode(b'x' * 32).decode()}"
        await exchange.turn(b64encode(final.encode()).decode())

    assert failing(play())[0] == "not-authorized"


def test_tries_are_bounded_for_an_account():
    async def play():
        auth = authenticator(account=3, address=100)
        for _ in range(3):
            with pytest.raises(SaslFailure):
                await plain(auth, "\0juliet\0no")
        await plain(auth, "\0juliet\0secret")

    assert failing(play())[0] == "temporary-auth-failure"


def test_tries_are_bounded_for_an_address():
    async def play():
        auth = authenticator(account=100, address=2)
        for name in ("a", "b"):
            with pytest.raises(SaslFailure):
                await plain(auth, f"\0{name}\0no")
        await plain(auth, "\0juliet\0secret")

    assert failing(play())[0] == "temporary-auth-failure"


def test_tries_at_once_are_bounded_as_those_one_by_one():
    """All of them ask before the first has failed. Beyond the limit a right guess sounds like a wrong one."""

    async def play():
        auth = authenticator(account=3, address=100)
        guesses = [plain(auth, f"\0juliet\0{number}") for number in range(10)]
        return await asyncio.gather(*guesses, plain(auth, "\0juliet\0secret"), return_exceptions=True)

    answers = [(answer.condition, answer.text) for answer in asyncio.run(play())]
    assert answers[:3] == [("not-authorized", "")] * 3
    assert set(answers[3:]) == {("temporary-auth-failure", "too many failed logins")}
    assert len(answers) == 11


def test_what_is_offered():
    auth = authenticator()
    [mechanisms] = auth.features(Wire())
    assert [one.text for one in mechanisms] == ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
    mechanisms, bindings = auth.features(Wire({"tls-server-end-point": b"x"}))
    assert mechanisms[0].text == "SCRAM-SHA-512-PLUS"
    assert [one.get("type") for one in bindings] == ["tls-server-end-point"]


def test_the_time_that_a_login_takes_is_counted():
    async def play():
        auth = authenticator()
        exchange = await auth.begin("PLAIN", "example.net", Wire())
        await asyncio.sleep(0.02)
        auth.took(exchange)
        return told(auth, "login_seconds")

    found = asyncio.run(play())
    assert sum(found.counts) == 1
    assert 0.02 <= found.sum < 5
