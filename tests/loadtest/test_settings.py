import pytest
from loadtest.settings import Settings


def test_numbers_from_the_web_page_are_text():
    class Page:
        domain = ca_file = None
        verify = scenario = account = password = register = ""
        think = deadline = herd_every = jitter = "2.5"
        contacts = devices = "3"

    settings = Settings.of(Page)
    assert (settings.think, settings.devices) == (2.5, 3)


def test_names_and_passwords_follow_a_pattern(settings):
    found = settings("--account", "user{}", "--password", "secret")
    assert (found.name(17), found.secret(17)) == ("user17", "secret")


def test_scenarios_are_those_that_exist(settings, capsys):
    assert settings().scenario == "mix"
    with pytest.raises(SystemExit):
        settings("--scenario", "nonsense")
    assert "nonsense" in capsys.readouterr().err
