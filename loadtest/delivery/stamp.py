"""What a message or presence says of itself in its id: who sent it, which one it is, and when."""

from __future__ import annotations

import time
from dataclasses import dataclass

_MARK = "e2e"


@dataclass(frozen=True, slots=True)
class Stamp:
    """One thing sent, to be recognised where it arrives.

    `sent_at` is the sender's clock, which must agree with the receiver's: the same machine, or
    synchronised ones.
    """

    flow: str
    """The sender's session of life; its numbers begin at 1."""
    number: int
    sent_at: float
    """Seconds since 1970."""

    def id(self) -> str:
        """For the stanza's id."""
        return f"{_MARK}.{self.flow}.{self.number}.{int(self.sent_at * 1_000_000)}"


def between(flow: str, own: str, theirs: str) -> str:
    """The flow from one session of `flow`'s sender to one of the receiver's; both by resource."""
    return f"{flow}:{own}+{theirs}"


def meant_for(flow: str, resource: str) -> bool:
    """Whether what is on that flow was sent to the receiver's session `resource`."""
    return flow.endswith(f"+{resource}")


def read(id: str | None) -> Stamp | None:
    """The stamp in an id, or None when there is none."""
    if id is None or not id.startswith(_MARK):
        return None
    parts = id.split(".")
    if len(parts) != 4:
        return None
    try:
        return Stamp(parts[1], int(parts[2]), int(parts[3]) / 1_000_000)
    except ValueError:
        return None


def new_flow(sender: str) -> str:
    """A name for what `sender` sends from now on, other than that of any run before."""
    return f"{sender}-{time.time_ns() // 1000:x}"
