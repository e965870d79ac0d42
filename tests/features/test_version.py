"""XEP-0092."""

from __future__ import annotations

import asyncio

from roost.features.version import Version
from roost.protocol.xml import serialise


def test_name_and_version_and_no_word_of_the_system():
    said = serialise(asyncio.run(Version("Roost", "1.2").version(None)))
    assert said == b"<query xmlns='jabber:iq:version'><name>Roost</name><version>1.2</version></query>"
