from loadtest.report.outcome import Outcome, Row
from loadtest.report.table import table
from loadtest.run import Costs


def test_figures_stand_in_columns_and_costs_in_sentences():
    rows = [
        Row("login", 1200, 1, 4.25, 50, 99, 1234.5, 20.0),
        Row("message (end to end)", 3, 3, None, None, None, None, 0.1),
    ]
    shown = table(Outcome(rows, 3, 0, 1203, 4), Costs(6.0, 60.0, 204_800, 1000, 3.0, 51_200))
    lines = shown.splitlines()
    assert len({len(line) for line in lines[:3]}) == 1
    assert lines[1].split() == ["login", "1,200", "4.2", "50", "99", "1,234", "20.0", "1"]
    assert "Lost: 3. Delivered twice: 0." in shown
    assert "Server: 0.10 of" in shown
    assert "6,000 µs for each message delivered" in shown
    assert "Load generator: 0.05 cores; 50 MiB." in shown


def test_without_messages_none_has_a_cost():
    assert "µs" not in table(Outcome([], 0, 0, 0, 0), Costs(6.0, 60.0, 1, 0, 3.0, 1))
