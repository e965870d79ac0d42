import io
import json
import logging as standard

import pytest

from roost.runtime import logging
from roost.runtime.config import Settings


@pytest.fixture
def lines():
    """Configures logging on call; the call's result reads what was logged."""
    out = io.StringIO()

    def start(**settings):
        logging.configure(Settings(pod_name="pod-1", **settings), "presence", out)
        return out.getvalue

    return start


def test_a_line_is_an_object_that_says_where_it_is_from(lines):
    read = lines()
    logging.logger("roost.net").info("stream opened", transport="tls")
    line = json.loads(read())
    assert line["event"] == "stream opened"
    assert line["transport"] == "tls"
    assert (line["role"], line["pod"], line["logger"]) == ("presence", "pod-1", "roost.net")
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_the_standard_librarys_lines_look_the_same(lines):
    read = lines()
    standard.getLogger("asyncio").warning("took %s seconds", 3)
    line = json.loads(read())
    assert (line["event"], line["level"], line["role"]) == ("took 3 seconds", "warning", "presence")


def test_lines_below_the_level_are_left_out(lines):
    read = lines(log_level="warning")
    logging.logger("roost").info("quiet")
    standard.getLogger("asyncio").info("quiet")
    assert read() == ""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_secret_is_logged(lines, log_format):
    read = lines(log_format=log_format)
    logging.logger("roost").info("connecting to redis://:sesame@host", password="sesame")
    standard.getLogger("asyncio").info("connecting to %s", "postgresql://u:sesame@host/db")
    logging.logger("roost").error("failed", exc_info=ValueError("no connection to redis://:sesame@host"))
    assert "sesame" not in read()
    assert read().count("********") >= 3


def test_a_line_that_is_left_out_is_not_made(lines):
    class Costly:
        def __str__(self):
            raise AssertionError("nobody will see it")

    read = lines(log_level="warning")
    for level in ("debug", "info"):
        getattr(logging.logger("roost"), level)("quiet", what=Costly())
    assert read() == ""


@pytest.mark.parametrize(("name", "level"), [("debug", 10), ("info", 20), ("warning", 30), ("error", 40)])
def test_each_level_is_its_own(lines, name, level):
    read = lines(log_level=name)
    log = logging.logger("roost")
    for each in ("debug", "info", "warning", "error"):
        getattr(log, each)("said", at=each)
    said = [json.loads(line) for line in read().splitlines()]
    assert [line["level"] for line in said] == [line["at"] for line in said]
    assert len(said) == 5 - level // 10


def test_who_cannot_be_told_harms_nobody(lines):
    class Broken(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    logging.configure(Settings(pod_name="pod-1"), "presence", Broken())
    logging.logger("roost").error("lost")
    lines()


def test_an_exception_is_one_line(lines):
    read = lines()
    try:
        raise ValueError("odd")
    except ValueError as error:
        logging.logger("roost").error("failed", exc_info=error)
    assert read().count("\n") == 1
    assert json.loads(read())["exception"].startswith("Traceback")
    assert "ValueError: odd" in json.loads(read())["exception"]


def test_lines_say_whom_they_concern(lines):
    read = lines()
    with logging.concerning(jid="romeo@example.net", sid="s1", stanza=None):
        logging.logger("roost").error("failed")
    logging.logger("roost").error("failed")
    inside, outside = map(json.loads, read().splitlines())
    assert (inside["jid"], inside["sid"]) == ("romeo@example.net", "s1")
    assert "stanza" not in inside
    assert not {"jid", "sid"} & outside.keys()


def test_jids_are_hashed_wherever_they_stand(lines):
    read = lines(log_jids="hashed")
    logging.learn_secret(b"a secret of the cluster")
    log = logging.logger("roost")
    log.info("login", jid="romeo@example.net/a phone", others=["romeo@example.net"])
    standard.getLogger("asyncio").warning("lost %r", "<message to='romeo@example.net'/>")
    log.error("failed", exc_info=ValueError("no romeo@example.net."))
    first, second, third = map(json.loads, read().splitlines())
    account, _, resource = first["jid"].partition("/")
    assert len(account) == len(resource) == 12
    assert first["others"] == [account]
    assert second["event"] == f"lost \"<message to='{account}'/>\""
    assert f"ValueError: no {account}." in third["exception"]
    assert "romeo" not in read()


def test_the_level_changes_while_it_runs(lines):
    read = lines(log_level="info")
    log = logging.logger("roost")
    log.debug("one")
    logging.use_level("debug")
    log.debug("two")
    logging.use_level("error")
    log.warning("three")
    assert [json.loads(line)["event"] for line in read().splitlines()] == ["two"]


def test_a_command_logs_nothing(capfd):
    logging.silence()
    logging.logger("roost").error("not for who typed a command")
    standard.getLogger("asyncio").error("nor this")
    assert capfd.readouterr() == ("", "")
