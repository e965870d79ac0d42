from types import SimpleNamespace

from loadtest.report.timeline import WINDOW_SECONDS, Timeline, TimelineFile, read


class Stats:
    def __init__(self):
        self.entry = SimpleNamespace(name="login", num_requests=0, num_failures=0, response_times={})
        self.entries = {"login": self.entry}

    def logins(self, milliseconds, count):
        self.entry.num_requests += count
        self.entry.response_times[milliseconds] = self.entry.response_times.get(milliseconds, 0) + count


def test_each_moment_tells_of_the_seconds_before_it():
    stats, timeline = Stats(), Timeline()
    stats.logins(10, 4)
    [first] = timeline.look(1, 4, stats)
    assert (first.requests, first.rate, first.p50) == (4, 4.0, 10)
    for second in range(2, WINDOW_SECONDS + 3):
        stats.logins(20, 6)
        [moment] = timeline.look(second, 4, stats)
    assert (moment.rate, moment.p50, moment.p99) == (6.0, 20, 20)
    assert len(timeline.moments) == WINDOW_SECONDS + 2


def test_a_file_can_be_read_while_it_is_written(tmp_path):
    stats, timeline = Stats(), Timeline()
    path = tmp_path / "timeline.csv"
    file = TimelineFile(path)
    stats.logins(2.5, 1)
    written = timeline.look(1, 7, stats) + timeline.look(20, 7, stats)
    file.write(written)
    with path.open("a") as half:
        half.write("21,7,log")
    assert read(path) == written
    assert read(path)[1].p50 is None
    file.close()
