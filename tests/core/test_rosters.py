from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roost.core.ports import RosterChange, RosterItem
from roost.core.rosters import item_element, pushed_element, read_removed, visible, write_removed
from roost.protocol.xml import serialise

items = st.builds(
    RosterItem,
    st.just("juliet@example.com"),
    subscription=st.sampled_from(["none", "to", "from", "both"]),
    ask=st.booleans(),
    pending_in=st.booleans(),
    approved=st.booleans(),
)
HIDDEN = RosterItem("juliet@example.com", pending_in=True, listed=False)


@given(items)
def test_a_removed_items_subscription_comes_back_as_it_was(item: RosterItem) -> None:
    assert read_removed(write_removed(item)) == item


def test_an_item_on_the_wire() -> None:
    item = RosterItem("juliet@example.com", "J & <3", ("Loves", "O'Foes"), "from", ask=True, approved=True)
    assert serialise(item_element(item), "jabber:iq:roster") == (
        b"<item jid='juliet@example.com' subscription='from' name='J &amp; &lt;3'"
        b" ask='subscribe' approved='true'>"
        b"<group>Loves</group><group>O'Foes</group></item>"
    )


@pytest.mark.parametrize(
    ("before", "after", "subscription"),
    [
        (None, RosterItem("a@b"), "none"),
        (RosterItem("a@b"), RosterItem("a@b", subscription="to"), "to"),
        (RosterItem("a@b"), None, "remove"),
        (RosterItem("a@b"), HIDDEN, "remove"),
        (RosterItem("a@b"), RosterItem("a@b", pending_in=True), None),
        (HIDDEN, None, None),
        (None, HIDDEN, None),
        (None, None, None),
    ],
)
def test_only_what_the_user_can_see_is_pushed(
    before: RosterItem | None, after: RosterItem | None, subscription: str | None
) -> None:
    pushed = pushed_element("a@b", RosterChange(before, after, 1))
    assert (None if pushed is None else pushed.get("subscription")) == subscription


def test_what_is_visible() -> None:
    assert not visible(None)
    assert not visible(HIDDEN)
    assert visible(RosterItem("a@b", listed=False, ask=True))
    assert visible(RosterItem("a@b", listed=False, approved=True))
    assert visible(RosterItem("a@b", listed=False, subscription="from"))
