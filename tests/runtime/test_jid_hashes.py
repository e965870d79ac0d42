"""Hashes in place of JIDs: the same everywhere, and nowhere a JID."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.runtime.jid_hashes import JidHashes

SECRET = b"s" * 32
ROMEO = "romeo@example.net"


def hashes(secret=SECRET):
    made = JidHashes()
    made.learn(secret)
    return made


def cleaned(text):
    return hashes()(None, "info", {"event": text})["event"]


def test_the_same_account_looks_the_same_on_every_process():
    assert hashes().hashed(ROMEO) == hashes().hashed(ROMEO)
    assert hashes().hashed(ROMEO) != hashes().hashed("juliet@example.net")
    assert hashes().hashed(ROMEO) != hashes(b"another").hashed(ROMEO)
    assert len(hashes().hashed(ROMEO)) == 12


def test_sessions_of_an_account_are_known_by_it():
    account, _, resource = hashes().hashed(f"{ROMEO}/phone").partition("/")
    assert account == hashes().hashed(ROMEO)
    assert resource != hashes().hashed(f"{ROMEO}/laptop").partition("/")[2]


def test_before_the_key_is_known_nothing_is_told():
    assert JidHashes().hashed(f"{ROMEO}/phone") == "hidden/hidden"


def test_a_server_is_no_person():
    assert hashes().hashed("example.net") == "example.net"


@pytest.mark.parametrize(
    "text",
    [
        "it is {}",
        "{}: unknown",
        "({})",
        "from='{}'",
        "from=\"{}\" to='{}'",
        "the key r1:{{{}}} is not a hash",
        "Jid('{}')",
        "xmpp:{}?message",
        "<{}>, <{}>",
    ],
)
def test_an_address_in_a_text_is_found(text):
    read = cleaned(text.format(ROMEO, ROMEO))
    assert read.startswith(text[: text.index("{")])
    assert "romeo" not in read
    assert read.count(hashes().hashed(ROMEO)) == text.count("{}")


@pytest.mark.parametrize(
    "text", ["postgresql://roost@db/roost", "redis://u:********@host:6379", "at 5 o'clock", "@", "a@", "@b"]
)
def test_what_is_no_address_stays(text):
    assert cleaned(f"see {text} there") == f"see {text} there"


def test_values_of_all_kinds_are_searched():
    event = {
        "a": [ROMEO, {ROMEO: b"from romeo@example.net"}],
        "b": ValueError(ROMEO),
        "seconds": 1.5,
        "no": None,
    }
    read = hashes()(None, "info", dict(event))
    assert "romeo" not in str(read)
    assert (read["seconds"], read["no"]) == (1.5, None)


PARTS = st.text(
    st.characters(blacklist_categories=("Z", "C"), blacklist_characters="\"&'/:<>@()[]{},;=`.?!"), min_size=3
)


@given(local=PARTS, domain=PARTS, resource=PARTS)
def test_no_local_part_is_left(local, domain, resource):
    field = hashes()(None, "info", {"jid": f"{local}@{domain}/{resource}"})["jid"]
    text = cleaned(f"the session {local}@{domain}/{resource} has ended")
    assert text == f"the session {field} has ended"
