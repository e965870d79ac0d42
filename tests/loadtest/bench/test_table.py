from loadtest.bench.run import QUICK, Results
from loadtest.bench.table import losses, page, table


def results(lost: int = 0) -> Results:
    found = Results({"Roost": "1.0", "ejabberd": "23.01"})
    for cost in (30, 50, 40):
        found.add("Roost", {"chat µs": cost, "chat lost": 0})
    found.add("ejabberd", {"chat µs": 160, "chat lost": lost})
    return found


def test_a_row_has_medians_the_goal_and_the_ratio():
    row = next(line for line in table(results(), QUICK).splitlines() if "202 talkers" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:] == ["40.0 µs", "160 µs", "≤ 45 µs", "0.25"]


def test_what_was_not_measured_stays_empty():
    row = next(line for line in table(results(), QUICK).splitlines() if "login" in line)
    assert [cell.strip() for cell in row.strip("|").split("|")][1:] == ["", "", "≤ 3 ms", ""]


def test_the_page_says_what_ran_and_whether_something_was_lost():
    assert "Roost 1.0, ejabberd 23.01" in page(results(), QUICK, quick=False)
    assert "Nothing was lost." in page(results(), QUICK, quick=False)
    assert "ejabberd: chat lost 3" in page(results(lost=3), QUICK, quick=False)
    assert "short run" in page(results(), QUICK, quick=True)


def test_losses_are_sums():
    assert losses(results()) == []
    assert losses(results(lost=3)) == ["ejabberd: chat lost 3"]
