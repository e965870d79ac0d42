"""Commands that wait for their server: in order, for a while, up to a bound."""

from __future__ import annotations

import time

from roost.cluster.held import Held
from roost.core.ports import BusUnavailable


def test_what_came_back_goes_before_what_was_never_sent():
    held, order = Held(5), []
    held.keep((order.append, "a", b"first"), returned=True)
    held.keep((order.append, "a", b"third"))
    held.keep((order.append, "a", b"second"), returned=True)
    assert held.keys == {"a"}
    assert [command for _done, _key, command in held.release()] == [b"first", b"second", b"third"]
    assert not held.keys
    assert len(held) == 0


def test_a_command_keeps_its_deadline_however_often_it_is_tried():
    held, heard = Held(0), []
    held.keep((heard.append, "a", b"x"))
    assert held.release() == []
    assert isinstance(heard[0], BusUnavailable)
    patient = Held(60)
    patient.keep((heard.append, "a", b"x"))
    ((done, key, command),) = patient.release()
    held.keep((done, key, command), returned=True)
    assert held.release() == [(done, "a", b"x")]
    done("reply")
    assert heard[1] == "reply"


def test_there_is_a_bound_in_number_and_in_bytes():
    many, large, heard = Held(60), Held(60), []
    for _ in range(20_001):
        many.keep((heard.append, "a", b"x"))
    assert len(many) == 20_000
    for _ in range(300):
        large.keep((heard.append, "a", bytes(262_144)))
    assert len(large) == 256
    assert len(heard) == 1 + 44


def test_all_can_be_told_that_it_will_not_be():
    held, heard = Held(60), []
    held.keep((heard.append, "a", b"x"))
    held.keep((heard.append, "b", b"x"), returned=True)
    held.fail()
    assert [type(one) for one in heard] == [BusUnavailable] * 2
    assert len(held) == 0


def test_what_is_not_kept_is_counted():
    held = Held(0)
    held.keep((lambda _reply: None, "x", b"late"))
    time.sleep(0.001)
    assert held.release() == []
    assert held.refused == 1
