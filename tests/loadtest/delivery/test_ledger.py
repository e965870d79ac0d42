import pytest
from loadtest.delivery.ledger import DISORDERED, LOST, MESSAGE, PRESENCE, RETURNED, TWICE, Claim, Ledger
from loadtest.delivery.stamp import Stamp, between

JULIET = "juliet/load0"
FLOW = between("romeo", "load1", "load0")
DEADLINE = 10.0


class Book:
    """A ledger with a clock to turn; what it reports as (name, seconds, failure)."""

    def __init__(self):
        self.now = 1000.0
        self.reports = []
        self.ledger = Ledger(self.note, lambda: self.now, DEADLINE)

    def note(self, name, seconds, size=0, failure=None):
        self.reports.append((name, None if seconds is None else pytest.approx(seconds), failure))

    def sent(self, number, kind=MESSAGE, to=JULIET):
        self.ledger.claim(Claim(kind, to, FLOW, number, self.now))
        return Stamp(FLOW, number, self.now)

    def later(self, seconds):
        self.now += seconds
        self.ledger.judge()


@pytest.fixture
def book():
    found = Book()
    found.ledger.online(JULIET)
    return found


def test_latency_is_from_sending_to_arrival(book):
    stamp = book.sent(1)
    book.later(0.25)
    book.ledger.message(JULIET, stamp, 100)
    assert book.reports == [(MESSAGE, 0.25, None)]
    assert book.ledger.open() == 0


def test_a_message_that_comes_twice_or_out_of_order_is_a_failure(book):
    stamps = [book.sent(number) for number in (1, 2)]
    for stamp in (stamps[1], stamps[0], stamps[0]):
        book.ledger.message(JULIET, stamp, 100)
    assert [failure for _, _, failure in book.reports] == [None, DISORDERED, TWICE]


def test_a_message_that_does_not_come_is_lost_after_the_deadline(book):
    book.sent(1)
    assert book.ledger.open() == 1
    book.later(DEADLINE - 1)
    assert book.reports == []
    book.later(2)
    book.later(DEADLINE)
    assert book.reports == [(MESSAGE, None, LOST)]


def test_whoever_is_away_has_the_deadline_from_their_return(book):
    book.ledger.offline(JULIET)
    stamp = book.sent(1)
    book.later(5 * DEADLINE)
    assert book.ledger.open() == 0  # nobody listens
    book.ledger.online(JULIET)
    book.later(DEADLINE - 1)
    assert book.reports == []
    book.ledger.message(JULIET, stamp, 100)
    book.later(DEADLINE)
    assert [failure for _, _, failure in book.reports] == [None]


def test_any_session_of_the_account_may_get_it(book):
    book.ledger.online("juliet/load1")
    stamp = book.sent(1)
    book.ledger.offline(JULIET)
    book.ledger.message("juliet/load1", stamp, 100)
    book.later(2 * DEADLINE)
    assert [failure for _, _, failure in book.reports] == [None]


def test_copies_to_other_sessions_are_not_twice(book):
    stamp = book.sent(1)
    for resource in ("load1", "load2"):
        book.ledger.message(f"juliet/{resource}", stamp, 100)
    assert [failure for _, _, failure in book.reports] == [None]


def test_what_was_returned_or_sent_to_who_left_for_good_is_not_lost(book):
    book.sent(1)
    book.sent(1, kind=RETURNED)
    book.ledger.online("nurse/load0")
    book.sent(1, to="nurse/load0")
    book.ledger.forget("nurse/load0")
    book.sent(2, to="nobody/load0")
    book.later(2 * DEADLINE)
    assert book.reports == []


def test_presence_is_measured_from_the_second_on(book):
    for number in (1, 2, 2):
        stamp = book.sent(number, kind=PRESENCE)
        book.now += 0.5
        book.ledger.presence(JULIET, stamp, 100)
    assert book.reports == [(PRESENCE, 0.5, None)]


def test_presence_that_was_neither_seen_nor_replaced_is_lost(book):
    book.ledger.presence(JULIET, book.sent(1, kind=PRESENCE), 100)
    book.sent(2, kind=PRESENCE)
    book.ledger.presence(JULIET, book.sent(3, kind=PRESENCE), 100)
    book.sent(4, kind=PRESENCE)
    book.later(DEADLINE + 1)
    assert book.reports == [(PRESENCE, 0.0, None), (PRESENCE, None, LOST)]


def test_presence_from_before_is_no_loss_and_no_news(book):
    book.ledger.presence(JULIET, book.sent(1, kind=PRESENCE), 100)
    book.sent(2, kind=PRESENCE)
    book.ledger.offline(JULIET)
    book.ledger.online(JULIET)
    book.ledger.presence(JULIET, Stamp(FLOW, 2, book.now), 100)
    book.later(2 * DEADLINE)
    assert book.reports == []
