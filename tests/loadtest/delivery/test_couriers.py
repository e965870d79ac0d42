import time

from loadtest.delivery.couriers import Couriers
from loadtest.delivery.ledger import MESSAGE, Claim, Ledger


def claim(receiver):
    return Claim(MESSAGE, receiver, "romeo", 1, time.time())


def test_claims_here_are_known_at_once_and_others_travel_together():
    letters = []
    ledger = Ledger(lambda *_words, **_more: None, time.time, 10.0)
    ledger.online("juliet/load0")
    couriers = Couriers(ledger, 1, lambda rank, claims: letters.append((rank, claims)))
    couriers.claim(1, claim("juliet/load0"))
    assert ledger.open() == 1
    for receiver in ("nurse/load0", "friar/load0"):
        couriers.claim(0, claim(receiver))
    couriers.flush()
    couriers.flush()
    [(rank, claims)] = letters
    assert rank == 0
    assert [one.receiver for one in claims] == ["nurse/load0", "friar/load0"]
