"""What clients with a session send and get, counted by kind as plain numbers."""

from __future__ import annotations

from roost.runtime.figures import Figures

_KINDS = {ord("m"): "message", ord("p"): "presence", ord("i"): "iq"}


class Traffic:
    """The stanzas of all sessions of this process."""

    __slots__ = ("late", "received", "sent", "unanswerable")

    def __init__(self) -> None:
        """None yet."""
        self.received = dict.fromkeys(_KINDS.values(), 0)
        """From clients, by kind."""
        self.sent = dict.fromkeys(_KINDS, 0)
        """To clients, by the first byte of the stanza's name, which is cheaper to see than its kind."""
        self.unanswerable = 0
        """Errors from clients that could not be passed on: an error is never answered."""
        self.late = 0
        """Stanzas for sessions that had ended."""

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "stanzas_received": self.received,
            "stanzas_sent": lambda: {kind: self.sent[letter] for letter, kind in _KINDS.items()},
            "drops": lambda: {"unanswerable": self.unanswerable, "session-ended": self.late},
        }
