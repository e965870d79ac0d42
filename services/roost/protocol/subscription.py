"""The states of a presence subscription and what moves between them: RFC 6121 appendix A as a table.

Both sides of one roster item are in one state: what the user gets of the contact (`to`), what the
contact gets of the user (`from`), and the requests that wait, out and in.
"""

from __future__ import annotations

from typing import NamedTuple

TYPES = frozenset({"subscribe", "subscribed", "unsubscribe", "unsubscribed"})


class State(NamedTuple):
    """Where one roster item stands; appendix A.1 has names for the nine that exist, `approved` aside."""

    subscription: str = "none"
    """`none`, `to`, `from` or `both`."""
    ask: bool = False
    """A request of the user's waits for the contact's answer ("Pending Out")."""
    pending_in: bool = False
    """A request of the contact's waits for the user's answer ("Pending In")."""
    approved: bool = False
    """The user has said yes before being asked (section 3.4)."""


class Transition(NamedTuple):
    """What one stanza does to the state."""

    state: State
    passed: bool
    """Outbound: whether it goes on to the contact; inbound: whether it reaches the user's clients."""
    reply: str | None = None
    """The type of the presence stanza that the server answers with on the user's behalf."""


_NONE, _OUT, _IN, _OUT_IN = State(), State(ask=True), State(pending_in=True), State("none", True, True)
_TO, _TO_IN = State("to"), State("to", pending_in=True)
_FROM, _FROM_OUT = State("from"), State("from", ask=True)
_BOTH = State("both")

STATES = (_NONE, _OUT, _IN, _OUT_IN, _TO, _TO_IN, _FROM, _FROM_OUT, _BOTH)

_Rows = dict[State, State]

# Each row of appendix A.2 that says MUST; the others pass nothing on and change nothing.
_OUTBOUND: dict[str, _Rows] = {
    # A.2.1: passed on in each state, so that two servers that disagree find together again
    "subscribe": {
        _NONE: _OUT, _OUT: _OUT, _IN: _OUT_IN, _OUT_IN: _OUT_IN,
        _TO: _TO, _TO_IN: _TO_IN, _FROM: _FROM_OUT, _FROM_OUT: _FROM_OUT, _BOTH: _BOTH,
    },
    # A.2.2: likewise
    "unsubscribe": {
        _NONE: _NONE, _OUT: _NONE, _IN: _IN, _OUT_IN: _IN,
        _TO: _NONE, _TO_IN: _IN, _FROM: _FROM, _FROM_OUT: _FROM, _BOTH: _FROM,
    },
    # A.2.3
    "subscribed": {_IN: _FROM, _OUT_IN: _FROM_OUT, _TO_IN: _BOTH},
    # A.2.4
    "unsubscribed": {
        _IN: _NONE, _OUT_IN: _OUT, _TO_IN: _TO, _FROM: _NONE, _FROM_OUT: _OUT, _BOTH: _TO,
    },
}  # fmt: skip
_INBOUND: dict[str, _Rows] = {
    # A.3.1
    "subscribe": {_NONE: _IN, _OUT: _OUT_IN, _TO: _TO_IN},
    # A.3.2
    "unsubscribe": {
        _IN: _NONE, _OUT_IN: _OUT, _TO_IN: _TO, _FROM: _NONE, _FROM_OUT: _OUT, _BOTH: _TO,
    },
    # A.3.3
    "subscribed": {_OUT: _TO, _OUT_IN: _TO_IN, _FROM_OUT: _BOTH},
    # A.3.4
    "unsubscribed": {_OUT: _NONE, _OUT_IN: _IN, _TO: _NONE, _TO_IN: _IN, _FROM_OUT: _FROM, _BOTH: _FROM},
}  # fmt: skip
_GRANTED = {"from", "both"}


def outbound(state: State, type: str) -> Transition:
    """What the user's own subscription stanza does at the user's server (appendix A.2).

    `type` is one of TYPES; KeyError for others.
    """
    approved = state.approved
    bare = state._replace(approved=False)
    after = _OUTBOUND[type].get(bare)
    if type == "subscribed" and after is None and state.subscription not in _GRANTED:
        # section 3.4.2: nobody has asked yet, so it is a yes in advance, and goes nowhere
        return Transition(state._replace(approved=True), False)
    if type == "unsubscribed":
        approved = False  # section 3.2.2: a yes in advance is taken back with the rest
    return Transition((after or bare)._replace(approved=approved), after is not None)


def inbound(state: State, type: str) -> Transition:
    """What the contact's subscription stanza does at the user's server (appendix A.3)."""
    bare = state._replace(approved=False)
    after = _INBOUND[type].get(bare)
    if type == "subscribe":
        if state.subscription in _GRANTED:
            return Transition(state, False, "subscribed")  # section 3.1.3: it has been granted already
        if state.approved and after is not None:
            granted = _OUTBOUND["subscribed"][after]
            return Transition(granted._replace(approved=True), False, "subscribed")  # section 3.4.2
    return Transition((after or bare)._replace(approved=state.approved), after is not None)
