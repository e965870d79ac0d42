from loadtest.report.outcome import Outcome

from loadtest.report import folder as folders


def test_figures_are_kept_in_the_folder_that_was_asked_for(tmp_path):
    found = folders.folder(str(tmp_path / "some" / "where"))
    outcome = Outcome([], 1, 2, 3, 4)
    folders.write_outcome(found, outcome)
    assert folders.read_outcome(tmp_path / "some" / "where") == outcome


def test_else_the_time_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "DEFAULT", tmp_path)
    assert folders.folder(None).parent == tmp_path
