from matplotlib.image import imread

from loadtest import __main__ as program


def test_a_cluster_is_run_under_load_and_tells_what_it_found(tmp_path, capsys):
    picture = tmp_path / "docs" / "loadtest.png"
    words = ["--users", "10", "--seconds", "5", "--scenario", "chat", "--spawn-rate", "20", "--think", "0.2"]
    code = program.main(
        [*words, "--results", str(tmp_path / "found"), "--picture", str(picture), "--fail-loss", "0"]
    )
    shown, said = capsys.readouterr()
    assert code == 0, (tmp_path / "found" / "locust.log").read_text()
    assert "message (end to end)" in shown
    assert "Lost: 0. Delivered twice: 0." in shown
    assert "µs for each message delivered" in shown
    assert "of 5 s" in said
    assert "register" not in shown  # the accounts were made before
    assert imread(picture).size
    assert {"report.html", "requests.csv", "timeline.csv"} <= {
        path.name for path in (tmp_path / "found").iterdir()
    }


def test_a_locust_that_does_not_start_says_why(tmp_path, capsys, monkeypatch):
    stopped = []

    class Server:
        class plain:  # noqa: N801 - as the real one's attribute
            ports = (1,)
            domain = "localhost"

        tls = plain
        ca_file = ""
        pids = ()

        def stop(self):
            stopped.append(self)

    monkeypatch.setattr(program, "roost", lambda pods: type("Kind", (), {"start": staticmethod(Server)}))
    code = program.main(["--scenario", "nonsense", "--results", str(tmp_path)])
    assert code
    assert "nonsense" in capsys.readouterr().err
    assert stopped
