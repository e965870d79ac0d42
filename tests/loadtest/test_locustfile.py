"""Each scenario by Locust itself, on a real cluster, until enough has happened."""

from loadtest.delivery.ledger import MESSAGE, PRESENCE

USERS = ("--users", "10", "--spawn-rate", "20", "--only-summary")


def test_chat_passes_its_thresholds_and_leaves_its_results(locust):
    limits = ("--fail-loss", "0", "--fail-twice", "0", "--fail-ratio", "0", "--fail-p99-message", "20000")
    ran = locust(*USERS, "--scenario", "chat", *limits, until={MESSAGE: 20})
    assert ran.code == 0, ran.said
    assert ran.times(MESSAGE) >= 20
    assert ran.times("login") == ran.times("roster") == ran.times("register") == 10
    names = {path.name for path in ran.folder.iterdir()}
    assert names == {
        "exceptions.csv", "failures.csv", "outcome.json", "report.html", "requests.csv", "timeline.csv",
    }  # fmt: skip
    assert MESSAGE in (ran.folder / "requests.csv").read_text()


def test_a_threshold_that_is_passed_fails_the_run_with_a_sentence(locust):
    limits = ("--fail-p99-login", "0.1", "--fail-p99-message", "5")
    ran = locust(*USERS, "--scenario", "login-storm", *limits, until={"login": 15})
    assert ran.code == 1
    assert "FAILED: The 99th percentile of login is" in ran.said
    assert "FAILED: No message was measured" in ran.said


def test_presence_reaches_all_contacts(locust):
    options = ("--scenario", "presence-day", "--contacts", "4", "--fail-loss", "0")
    ran = locust(*USERS, *options, until={PRESENCE: 40})
    assert ran.code == 0, ran.said


def test_devices_come_and_go_and_lose_nothing(locust):
    options = ("--scenario", "devices", "--devices", "2", "--fail-loss", "0", "--fail-twice", "0")
    ran = locust(*USERS, *options, until={MESSAGE: 20, "login": 22})
    assert ran.code == 0, ran.said


def test_a_herd_is_cut_off_together_and_returns(locust):
    options = ("--scenario", "reconnect-herd", "--herd-every", "2", "--jitter", "0.5", "--fail-ratio", "0")
    ran = locust(*USERS, *options, until={"reconnect": 10})
    assert ran.code == 0, ran.said


def test_all_scenarios_together_have_accounts_of_their_own(locust):
    options = ("--contacts", "2", "--fail-loss", "0", "--fail-ratio", "0")
    ran = locust(*USERS, *options, until={MESSAGE: 5, PRESENCE: 5, "login": 10})
    assert ran.code == 0, ran.said
    assert ran.times("register") == 10
