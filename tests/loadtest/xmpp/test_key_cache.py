import gevent
import pytest
from loadtest.xmpp.key_cache import KeyCache

from roost.protocol import scram
from roost.protocol.scram import HASHES, ScramServer
from roost.protocol.scram_client import ScramClient

MECHANISM = "SCRAM-SHA-256"


@pytest.mark.parametrize("mechanism", HASHES)
def test_a_login_with_kept_keys_is_as_good_as_the_first(mechanism):
    cache = KeyCache()
    kept = scram.derive(mechanism, b"wherefore", b"salt" * 4, 4096)
    for _ in range(3):
        client = ScramClient(mechanism, "romeo", "wherefore", cache.derive)
        server = ScramServer(mechanism, {}, plus_offered=False)
        server.first(client.first())
        client.check(server.final(client.final(server.challenge(kept))))
    assert cache.derived == 1


def test_the_oldest_keys_are_forgotten_over_the_limit():
    cache = KeyCache(limit=2)
    for salt in (b"one", b"two", b"three", b"two", b"one"):
        cache.derive(MECHANISM, b"wherefore", salt, 4096)
    assert cache.derived == 4


def test_others_go_on_while_keys_are_derived():
    turns = []

    def others():
        while True:
            turns.append(1)
            gevent.sleep()

    beside = gevent.spawn(others)
    try:
        KeyCache().derive(MECHANISM, b"wherefore", b"salt", 400_000)
    finally:
        beside.kill()
    assert len(turns) > 1
