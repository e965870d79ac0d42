from loadtest.report.timeline import Moment
from loadtest.run import progress


def test_a_line_says_how_it_goes():
    moments = [
        Moment(second, 10, name, 50, rate, failures, 1.0, 2.0, 3.5)
        for second, name, rate, failures in (
            (1, "message (end to end)", 9.0, 9.0),
            (2, "message (end to end)", 20.0, 1.0),
            (2, "login", 1.0, 0.0),
        )
    ]
    assert progress(moments, 12.3, 60) == " 12 of 60 s | 10 users | 20 messages/s, p99 3.5 ms | 1 failures/s"


def test_a_line_before_anything_has_happened():
    assert progress([], 0.0, 60) == "  0 of 60 s | 0 users | 0 failures/s"
