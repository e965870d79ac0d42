"""Commands as Redis reads them."""

from __future__ import annotations

import hiredis
from hypothesis import given
from hypothesis import strategies as st

from roost.cluster.resp import pack


@given(st.lists(st.one_of(st.binary(), st.text(st.characters(codec="utf-8")), st.integers()), min_size=1))
def test_what_is_packed_is_what_is_read(arguments):
    reader = hiredis.Reader()
    reader.feed(pack(*arguments))
    expected = [one if isinstance(one, bytes) else str(one).encode() for one in arguments]
    assert reader.gets() == expected
    assert reader.gets() is False
