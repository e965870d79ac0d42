from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.protocol.envelope import (
    PART,
    VERBS,
    EnvelopeMalformed,
    FanOut,
    PresenceEntry,
    decode_entry,
    decode_fanout,
    encode_entry,
    encode_fanout,
    made_at,
    now,
    split_at_to,
)

words = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1)
sids = st.text("abcXYZ019_-", min_size=1)
entries = st.builds(
    PresenceEntry,
    st.sampled_from(sorted(VERBS)),
    words,
    sids,
    st.integers(0, 2**53),
    st.lists(words, min_size=1).map(PART.join),
    st.binary(),
)
fanouts = st.builds(
    FanOut,
    st.integers(0, 1023),
    st.integers(1, 2**53),
    st.integers(0, 2**31),
    st.lists(sids),
    st.binary().map(lambda raw: raw.replace(b"\n", b" ")),
    st.binary(),
)


@given(entries)
def test_an_entry_comes_back_as_it_was(entry: PresenceEntry) -> None:
    assert decode_entry(encode_entry(entry)) == entry


@given(fanouts)
def test_a_fanout_comes_back_as_it_was(fanout: FanOut) -> None:
    assert decode_fanout(encode_fanout(fanout)) == fanout


newer = st.lists(words, min_size=1).map(lambda fields: "".join(f"\t{field}" for field in fields).encode())


@given(entries, fanouts, newer)
def test_what_a_newer_release_adds_to_a_head_is_ignored(
    entry: PresenceEntry, fanout: FanOut, more: bytes
) -> None:
    assert decode_entry(encode_entry(entry).replace(b"\n", more + b"\n", 1)) == entry
    assert decode_fanout(encode_fanout(fanout).replace(b"\n", more + b"\n", 1)) == fanout


@given(st.binary())
def test_other_bytes_are_refused_by_one_error(data: bytes) -> None:
    for decode in (decode_entry, decode_fanout):
        with pytest.raises(EnvelopeMalformed):
            decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"2\tavailable\ta@b/c\ts\t1\t-\n",
        b"1\tdance\ta@b/c\ts\t1\t-\n",
        b"1\tavailable\ta@b/c\ts\tsoon\t-\n",
        b"1\tavailable\ta@b/c\ts\t1\t-",
    ],
)
def test_an_entry_of_another_kind_is_refused(data: bytes) -> None:
    with pytest.raises(EnvelopeMalformed):
        decode_entry(data)


def test_the_account_of_an_entry() -> None:
    entry = PresenceEntry("ended", "juliet@example.com/bal/cony", "s", 0, "-", b"")
    assert entry.bare == "juliet@example.com"


def test_a_receivers_address_fits_between_the_halves() -> None:
    before, after = split_at_to(b"<presence from='romeo@example.net/orchard'><show>away</show></presence>")
    assert before + b"juliet@example.com/balcony" + after == (
        b"<presence to='juliet@example.com/balcony' from='romeo@example.net/orchard'>"
        b"<show>away</show></presence>"
    )


def test_when_an_entry_was_made_can_be_read_without_the_rest():
    at = now()
    entry = PresenceEntry("available", "a@b/c", "sid", at, "first\tand more", b"<presence/>\t\n")
    assert made_at(encode_entry(entry)) == at
    assert len(str(at)) == 16  # µs
    assert made_at(b"nonsense") == made_at(b"1\ta\tb\tc\tlater\t-\n") == 0
