from loadtest.bench.run import FULL, QUICK, Results

from loadtest.bench import __main__ as program


def outcome(monkeypatch, tmp_path, lost: float, *words: str):
    asked = []

    async def run(kinds, scale, _say):
        asked.append(([kind.name for kind in kinds], scale))
        results = Results({"Roost": "1"})
        results.add("Roost", {"chat µs": 40.0, "chat lost": lost})
        return results

    monkeypatch.setattr(program, "run", run)
    page = tmp_path / "benchmarks.md"
    code = program.main([*words, "--output", str(page)])
    return code, page.read_text(), asked[0]


def test_a_quick_look_at_roost_alone(monkeypatch, tmp_path, capsys):
    code, page, asked = outcome(monkeypatch, tmp_path, 0, "--quick", "--alone")
    assert code == 0
    assert asked == (["Roost"], QUICK)
    assert "40.0 µs" in page
    assert "40.0 µs" in capsys.readouterr().out


def test_a_loss_of_ours_fails_the_run(monkeypatch, tmp_path, capsys):
    code, page, asked = outcome(monkeypatch, tmp_path, 2)
    assert code == 1
    assert asked[1] == FULL
    assert "lost: Roost: chat lost 2" in capsys.readouterr().out
    assert "Lost: Roost: chat lost 2." in page
