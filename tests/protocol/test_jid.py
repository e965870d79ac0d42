"""JIDs (RFC 7622): what is one, what equals what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol import jid as jids
from roost.protocol.errors import JidMalformed
from roost.protocol.jid import Jid, prepare_domain, prepare_local, prepare_resource


@pytest.mark.parametrize(
    ("text", "local", "domain", "resource"),
    [
        ("juliet@example.com", "juliet", "example.com", None),
        ("juliet@example.com/foo", "juliet", "example.com", "foo"),
        ("juliet@example.com/foo bar", "juliet", "example.com", "foo bar"),
        ("juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"),
        ("foo\\20bar@example.com", "foo\\20bar", "example.com", None),
        ("fussball@example.com", "fussball", "example.com", None),
        ("fu\u00dfball@example.com", "fu\u00dfball", "example.com", None),
        ("\u03c0@example.com", "\u03c0", "example.com", None),
        ("\u03a3@example.com/foo", "\u03c3", "example.com", "foo"),
        ("king@example.com/\u265a", "king", "example.com", "\u265a"),
        ("example.com", None, "example.com", None),
        ("example.com/foobar", None, "example.com", "foobar"),
        ("a.example.com/b@example.net", None, "a.example.com", "b@example.net"),
    ],
)
def test_the_examples_of_the_rfc(text, local, domain, resource):
    """RFC 7622 section 3.5, table 1."""
    jid = Jid.parse(text)
    assert (jid.local, jid.domain, jid.resource) == (local, domain, resource)


@pytest.mark.parametrize(
    "text",
    [
        '"juliet"@example.com',
        "foo bar@example.com",
        "@example.com/",
        "henry\u2163@example.com",
        "\u265a@example.com",
        "juliet@",
        "/foobar",
        "",
        "@",
        "juliet@example.com/",
        "a" * 1024 + "@example.com",
        "juliet@example.com/" + "a" * 1024,
        "juliet@example.com/a\x00b",
        "juliet@example.com/a\tb",
        "juliet@exa mple.com",
        "juliet@a..b",
        "juliet@example.com..",
        "juliet@" + "a" * 64 + ".com",
        "juliet@xn--a",
        "juliet@[::1",
        "juliet@[balcony]",
        "juliet@[\t]",
        "juliet@[::1%\n]",
    ],
)
def test_what_is_no_jid(text):
    """RFC 7622 section 3.5, table 2, and the bounds of section 3."""
    with pytest.raises(JidMalformed):
        Jid.parse(text)


def test_names_compare_without_case_and_resources_with_it():
    assert Jid.parse("Juliet@EXAMPLE.com/Balcony") == Jid.parse("juliet@example.com/Balcony")
    assert Jid.parse("juliet@example.com/Balcony") != Jid.parse("juliet@example.com/balcony")
    assert Jid.parse("juliet@example.com.") == Jid.parse("juliet@example.com")
    assert len({Jid.parse("A@b"), Jid.parse("a@B")}) == 1


def test_the_bare_jid():
    jid = Jid.parse("juliet@example.com/balcony")
    assert jid.bare_jid() == Jid.parse("juliet@example.com")
    assert jid.bare_jid().with_resource("balcony") == jid
    assert str(jid) == "juliet@example.com/balcony"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("xn--mnchen-3ya.de", "m\u00fcnchen.de"),
        ("XN--Mnchen-3ya.DE", "M\u00dcNCHEN.de"),
        ("example\u3002com\u3002", "example.com"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[FE80::A]", "[fe80::a]"),
        ("Under_Score.example", "under_score.example"),
    ],
)
def test_a_domain_has_one_form(one, other):
    """RFC 7622 section 3.2.1: one host is not two because it was spelt in two ways."""
    assert prepare_domain(one) == prepare_domain(other)


def test_long_jids_are_not_kept():
    """What strangers send must not stay in memory by the kilobyte."""
    jids._parse.cache_clear()
    text = "juliet@example.com/" + "a" * 1000
    assert Jid.parse(text) == Jid.parse(text)
    assert jids._parse.cache_info().currsize == 0


JIDS = st.one_of(
    st.text(max_size=60),
    # what is nearly right finds more than what is not
    st.text("aA\u00df\u0130\u03a3.-_@/[]:1%xn \t\n\u3002\uff0e\u0301\u200d", max_size=30),
    st.from_regex(r"\A(xn--|\[)[a-z0-9:.\-\]]{0,20}\Z"),
)


@given(JIDS)
def test_what_is_prepared_stays_as_it_is(text):
    """Preparation is idempotent: what is stored compares equal to what a client says next time."""
    try:
        jid = Jid.parse(text)
    except JidMalformed:
        return
    assert Jid.parse(jid.full) == jid


@given(JIDS)
def test_no_part_holds_what_envelopes_use(text):
    """Tabs and newlines separate the fields of envelopes and registry records."""
    for prepare in (prepare_local, prepare_domain, prepare_resource):
        try:
            part = prepare(text)
        except JidMalformed:
            continue
        assert not set(part) & set("\t\n\r\0")
