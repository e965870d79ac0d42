import pytest


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--host", "http://example.net"), "not a server's address"),
        (("--ca-file", "/nothing.pem"), "no such CA file"),
    ],
)
def test_a_mistake_ends_the_program_at_its_start(locust, words, sentence):
    ran = locust(*words, "--users", "1", "--run-time", "60s")
    assert ran.code != 0
    assert sentence in ran.said
    assert not ran.folder.exists()


def test_without_thresholds_a_failed_request_fails_the_run(locust):
    words = ("--users", "1", "--scenario", "chat", "--password", "", "--only-summary")
    ran = locust(*words, until={"register": 1})
    assert ran.code == 1
    assert "FAILED" not in ran.said
