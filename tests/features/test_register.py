"""XEP-0077: accounts made, changed and removed by their owners."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from roost.core.features import IqRequest
from roost.core.removal import AccountRemoval
from roost.features.register import Registration
from roost.protocol.errors import StanzaError
from roost.protocol.jid import Jid
from roost.protocol.scram import verify
from roost.protocol.xml import parse

JULIET = Jid.parse("juliet@example.net/balcony")


class World:
    def __init__(self, *, per_minute=100):
        self.accounts = {}
        self.taken = 0
        self.done = []
        self.outcomes = []
        ports = self
        removal = AccountRemoval(ports, self.leave, ports, ports)
        self.feature = Registration(
            ports,
            ports,
            ThreadPoolExecutor(1),
            removal,
            lambda work: self.done.append(work.close()),
            self.outcomes.append,
            iterations=4096,
            per_minute=per_minute,
        )

    async def create(self, bare, keys):
        return self.accounts.setdefault(bare, keys) is keys

    async def set_keys(self, bare, keys):
        known = bare in self.accounts
        if known:
            self.accounts[bare] = keys
        return known

    async def remove(self, bare):
        self.done.append("remove")
        return self.accounts.pop(bare, None) is not None

    async def leave(self, bare):
        self.done.append("leave")

    async def take(self, name, limit, seconds):
        self.taken += 1
        return self.taken <= limit

    def register(self, inner, type_="set"):
        return asyncio.run(self.feature.before_login(type_, query(inner), "example.net"))

    def ask(self, inner, to=None):
        request = IqRequest(JULIET, to, "set", "1", query(inner), "s")
        return asyncio.run(self.feature.change(request))


def query(inner):
    return parse(f"<query xmlns='jabber:iq:register'>{inner}</query>".encode())


def refused(work, *arguments):
    with pytest.raises(StanzaError) as error:
        work(*arguments)
    return error.value.condition


JOIN = "<username>{}</username><password>{}</password>"


def test_a_form_says_what_is_needed():
    form = World().register("", "get")
    assert [one.tag.rpartition("}")[2] for one in form] == ["instructions", "username", "password"]


def test_an_account_is_made_under_its_prepared_name():
    world = World()
    world.register(JOIN.format("Juliet", "secret"))
    assert all(verify(keys, b"secret") for keys in world.accounts["juliet@example.net"])


def test_a_data_form_does_too():
    world = World()
    fields = "".join(
        f"<field var='{name}'><value>{value}</value></field>"
        for name, value in (("username", "a"), ("password", "b"))
    )
    world.register(f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>")
    assert "a@example.net" in world.accounts


@pytest.mark.parametrize(
    ("inner", "condition"),
    [
        (JOIN.format("juliet", "other"), "conflict"),
        (JOIN.format("a b", "secret"), "not-acceptable"),
        (JOIN.format("romeo", ""), "not-acceptable"),
        ("<username>romeo</username>", "not-acceptable"),
        ("<remove/>", "unexpected-request"),
    ],
)
def test_what_makes_no_account(inner, condition):
    world = World()
    world.register(JOIN.format("juliet", "secret"))
    assert refused(world.register, inner) == condition
    assert list(world.accounts) == ["juliet@example.net"]


def test_new_accounts_are_bounded():
    world = World(per_minute=2)
    for number in range(2):
        world.register(JOIN.format(f"u{number}", "secret"))
    assert refused(world.register, JOIN.format("u2", "secret")) == "resource-constraint"


@pytest.mark.parametrize("type_", ["result", "error", ""])
def test_an_answer_makes_no_account(type_):
    world = World()
    assert refused(world.register, JOIN.format("juliet", "secret"), type_) == "bad-request"
    assert world.accounts == {}


def test_a_new_password():
    world = World()
    world.register(JOIN.format("juliet", "secret"))
    world.ask(JOIN.format("juliet", "new"))
    assert verify(world.accounts["juliet@example.net"][0], b"new")
    assert not verify(world.accounts["juliet@example.net"][0], b"secret")
    for name in ("romeo", "ju liet"):
        assert refused(world.ask, JOIN.format(name, "new")) == "not-allowed"


@pytest.mark.parametrize(
    "inner", [JOIN.format("juliet", ""), "<username>juliet</username>", "<password>new</password>"]
)
def test_a_new_password_is_not_an_empty_one(inner):
    """XEP-0077 section 3.3: the old one stays."""
    world = World()
    world.register(JOIN.format("juliet", "secret"))
    assert refused(world.ask, inner) == "bad-request"
    assert verify(world.accounts["juliet@example.net"][0], b"secret")


def test_a_name_is_the_accounts_however_it_is_typed():
    """RFC 7622 section 3.3: a full-width letter is the plain one."""
    world = World()
    world.register(JOIN.format("\uff2auliet", "secret"))
    assert list(world.accounts) == ["juliet@example.net"]
    world.ask(JOIN.format("\uff2auliet", "new"))
    assert verify(world.accounts["juliet@example.net"][0], b"new")


def test_no_password_for_an_account_that_was_removed_meanwhile():
    """Nobody is told that a password counts which counts nowhere."""
    world = World()
    assert refused(world.ask, JOIN.format("juliet", "new")) == "unexpected-request"
    assert world.accounts == {}


def test_an_account_leaves_its_contacts_before_it_goes():
    world = World()
    world.register(JOIN.format("juliet", "secret"))
    world.ask("<remove/>")
    assert world.accounts == {}
    assert world.done[:2] == ["leave", "remove"]


def test_anothers_account_is_not_touched():
    world = World()
    assert refused(world.ask, "<remove/>", Jid.parse("romeo@example.net")) == "forbidden"
    assert refused(world.ask, "<remove/><x/>") == "bad-request"


def test_what_becomes_of_wishes_is_counted():
    world = World(per_minute=2)
    world.register(JOIN.format("juliet", "secret"))
    refused(world.register, JOIN.format("juliet", "secret"))
    refused(world.register, JOIN.format("romeo", "secret"))
    refused(world.register, JOIN.format("a b", "secret"))
    world.register("", "get")
    assert world.outcomes == ["success", "conflict", "resource-constraint", "not-acceptable"]
