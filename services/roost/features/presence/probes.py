"""Presence probes: somebody asks for an account's presence (RFC 6121 section 4.3)."""

from __future__ import annotations

from roost.features.presence.circles import Hosted
from roost.features.presence.forwarding import Forwarding
from roost.features.presence.introductions import Introductions
from roost.features.presence.turn import Turn
from roost.protocol.envelope import PresenceEntry
from roost.protocol.jid import Jid
from roost.protocol.stanza import insert_attributes
from roost.protocol.xml import escape_attribute, parse


class Probes:
    """Handles the entries `probe` (on the shard of who asks) and `in-probe` (on that of who is asked)."""

    def __init__(self, forwarding: Forwarding, hosted: Hosted) -> None:
        """`hosted` tells the accounts that this cluster answers for."""
        self._forwarding = forwarding
        self._hosted = hosted

    def probe(self, turn: Turn, entry: PresenceEntry) -> None:
        """Take a probe to the account it asks about."""
        to = Jid.parse(parse(entry.raw).get("to") or "")
        self._forwarding.forward(turn, "probe", to.bare, entry.raw, entry.at)

    async def in_probe(self, turn: Turn, introductions: Introductions, entry: PresenceEntry) -> None:
        """Answer a probe (section 4.3.2)."""
        tree = parse(entry.raw)
        asker, asked = Jid.parse(tree.get("from") or "").bare, entry.bare
        circle = await turn.circle(asked)
        if asker != asked and asker not in circle.subscribers:
            # rule 1: nobody who may know; this also puts right a roster that believes otherwise
            self._forwarding.say(turn, "unsubscribed", asked, asker, entry.at, tree.get("id"))
            return
        if not self._hosted(asker):
            return
        to = await turn.receivers([asker])
        await introductions.load([asked])
        if introductions.resources(asked):
            await introductions.show([asked], to)  # rule 3
        else:
            turn.send(_nobody(asked, tree.get("id")), to)  # rule 2


def _nobody(asked: str, id: str | None) -> bytes:
    """Section 4.3.2: the answer for an account without available resources; the probe's id is mirrored."""
    said = f" id='{escape_attribute(id)}'" if id else ""
    presence = b"<presence type='unavailable'/>"
    return insert_attributes(presence, f" from='{escape_attribute(asked)}'{said}".encode())
