"""Who gets a stanza for an account of ours: RFC 6121 section 8.5 as pure functions.

`plan` knows nothing of sessions; it is what a sender's process asks. `choose` is the reference for
the choice that the script makes inside Redis, and is tested against it on every combination.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from roost.core.ports import Choice, SessionRecord


class Absent(Enum):
    """What becomes of a stanza that no session takes."""

    STORE = "store"
    """Keep it for later, or answer service-unavailable where it cannot be kept."""
    ERROR = "error"
    """Answer service-unavailable."""
    IGNORE = "ignore"
    """Drop it in silence."""


class Plan(NamedTuple):
    """Whom to try, and what to do when there is nobody."""

    choices: str
    """The values of the choices to try in turn, a letter each; empty for a stanza no session may get."""
    absent: Absent


_RESOURCE = Choice.RESOURCE.value
_MOST = Choice.MOST_AVAILABLE.value
_ALL = Choice.ALL_AVAILABLE.value
_ANY = Choice.ANY_AVAILABLE.value

# (kind, type, whether it is for a full JID) -> plan
_PLANS: dict[tuple[str, str | None, bool], Plan] = {
    # Section 8.5.2.1.1 (and 8.5.2.2.1 for absent users): to the bare JID
    ("message", "normal", False): Plan(_MOST, Absent.STORE),
    ("message", "chat", False): Plan(_MOST, Absent.STORE),
    ("message", "groupchat", False): Plan("", Absent.ERROR),
    ("message", "headline", False): Plan(_ALL, Absent.IGNORE),
    ("message", "error", False): Plan("", Absent.IGNORE),
    ("presence", None, False): Plan(_ANY, Absent.IGNORE),
    ("presence", "unavailable", False): Plan(_ANY, Absent.IGNORE),
    # Section 8.5.3: to a full JID. Without a match (8.5.3.2.1) a chat is as one to the bare JID, and a normal
    # message MUST go nowhere else: its sender is told, so that it does not vanish
    ("message", "normal", True): Plan(_RESOURCE, Absent.ERROR),
    ("message", "chat", True): Plan(_RESOURCE + _MOST, Absent.STORE),
    ("message", "groupchat", True): Plan(_RESOURCE, Absent.ERROR),
    ("message", "headline", True): Plan(_RESOURCE, Absent.IGNORE),
    ("message", "error", True): Plan(_RESOURCE, Absent.IGNORE),
    ("presence", None, True): Plan(_RESOURCE, Absent.IGNORE),
    ("presence", "unavailable", True): Plan(_RESOURCE, Absent.IGNORE),
    ("iq", "get", True): Plan(_RESOURCE, Absent.ERROR),
    ("iq", "set", True): Plan(_RESOURCE, Absent.ERROR),
    ("iq", "result", True): Plan(_RESOURCE, Absent.IGNORE),
    ("iq", "error", True): Plan(_RESOURCE, Absent.IGNORE),
}
# a message without a type is normal (RFC 6121 section 5.2.2)
_PLANS["message", None, False] = _PLANS["message", "normal", False]
_PLANS["message", None, True] = _PLANS["message", "normal", True]


def plan(kind: str, type: str | None, has_resource: bool) -> Plan:
    """The plan for a stanza to an account; KeyError for what sessions never get, as iqs to a bare JID."""
    return _PLANS[kind, type, has_resource]


def choose(choices: str, records: Sequence[SessionRecord], resource: str) -> set[str]:
    """The ids of the sessions that `choices` finds among an account's `records`."""
    live = [record for record in records if not record.ended]
    for choice in choices:
        found = {record.sid for record in _chosen(Choice(choice), live, resource)}
        if found:
            return found
    return set()


def _chosen(choice: Choice, live: list[SessionRecord], resource: str) -> Iterable[SessionRecord]:
    if choice is Choice.RESOURCE:
        return [record for record in live if record.resource == resource]
    if choice is Choice.INTERESTED:
        return [record for record in live if record.interested]
    if choice is Choice.ANY_AVAILABLE:
        return [record for record in live if record.priority is not None]
    able = [
        (record.priority, record) for record in live if record.priority is not None and record.priority >= 0
    ]
    if choice is Choice.MOST_AVAILABLE and able:
        best = max(priority for priority, _record in able)
        able = [one for one in able if one[0] == best]
    return [record for _priority, record in able]
