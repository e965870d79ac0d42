from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from roost.core.ports import RosterItem
from roost.core.rosters import visible
from roost.features.presence.states import Move, state_of
from roost.protocol.subscription import STATES, TYPES, State

REQUEST = b"<presence type='subscribe'/>"
types = st.sampled_from(sorted(TYPES))
items = (
    st.builds(
        lambda state, approved, listed: RosterItem(
            "juliet@example.com",
            "J",
            ("Loves",),
            *state[:3],
            approved,
            listed or visible(RosterItem("x", "", (), *state[:3], approved, False)),
            REQUEST if state.pending_in else b"",
        ),
        st.sampled_from(STATES),
        st.booleans(),
        st.booleans(),
    )
    | st.none()
)


@given(items, types, st.booleans())
def test_an_item_follows_the_table(item: RosterItem | None, type: str, inbound: bool) -> None:
    contact = "juliet@example.com"
    move = Move.inbound(type, contact, REQUEST) if inbound else Move.outbound(type, contact)
    after = move(item)
    assert state_of(after) == move.transition(item).state
    if after is None:
        return
    assert (after.request == REQUEST) == after.pending_in
    assert after.listed or not visible(after)
    if item is not None:
        assert (after.name, after.groups) == (item.name, item.groups)
        assert after.listed >= item.listed


def test_what_need_not_be_remembered_is_not() -> None:
    contact = "juliet@example.com"
    asked = Move.inbound("subscribe", contact, REQUEST)(None)
    assert asked == RosterItem(contact, pending_in=True, listed=False, request=REQUEST)
    assert Move.outbound("unsubscribed", contact)(asked) is None
    assert Move.inbound("unsubscribe", contact, b"")(asked) is None
    assert Move.outbound("unsubscribe", contact)(None) is None


def test_the_first_request_is_the_one_that_is_kept() -> None:
    first = Move.inbound("subscribe", "a@b", b"first")(None)
    again = Move.inbound("subscribe", "a@b", b"second")(first)
    assert again is not None
    assert again.request == b"first"
    assert state_of(again) == State(pending_in=True)
