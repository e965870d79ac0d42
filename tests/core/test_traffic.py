"""Stanzas of clients by kind."""

from __future__ import annotations

from figures import told
from roost.core.traffic import Traffic
from roost.protocol.errors import StanzaError
from roost.protocol.stanza import Stanza, error_reply, iq_result


def test_the_kind_of_what_is_sent_is_seen_in_its_second_byte():
    traffic = Traffic()
    for kind in ("message", "presence", "iq"):
        reply = error_reply(Stanza(kind, b"", id="1"), StanzaError("conflict"), "a@b/c")
        traffic.sent[reply[1]] += 1
    traffic.sent[iq_result("1", None, None)[1]] += 1
    assert told(traffic, "stanzas_sent") == {"message": 1, "presence": 1, "iq": 2}


def test_all_kinds_are_told_from_the_start():
    assert told(Traffic(), "stanzas_received") == {"message": 0, "presence": 0, "iq": 0}
    assert told(Traffic(), "drops") == {"unanswerable": 0, "session-ended": 0}
