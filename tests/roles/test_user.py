"""`roost user` against a database as `roost up` makes it."""

import tomllib
from pathlib import Path

import pytest


def test_an_account_from_its_making_to_its_end(roost):
    made = roost("user", "add", "Romeo@montague.example", "--password-stdin", said="sesame\n")
    assert (made.returncode, made.stdout) == (0, "romeo@montague.example can log in now.\n")
    assert roost("user", "add", "abram", "--password-stdin", said="sesame\n").returncode == 0
    assert roost("user", "list").stdout == "abram@montague.example\nromeo@montague.example\n"

    changed = roost("user", "passwd", "romeo@montague.example", "--password-stdin", said="open\n")
    assert (changed.returncode, changed.stdout) == (0, "romeo@montague.example has a new password.\n")
    assert roost("user", "remove", "romeo@montague.example").stdout == "romeo@montague.example is gone.\n"
    assert roost("user", "list").stdout == "abram@montague.example\n"
    assert roost("user", "remove", "abram").returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "mercutio@montague.example"), "There is an account mercutio@montague.example already.\n"),
        (("passwd", "nobody"), "There is no account nobody@montague.example.\n"),
        (("add", "juliet@capulet.example"), "juliet@capulet.example is not of the domain montague.example"),
        (("add", "a b"), "'a b' is no address: "),
        (("add", "x@montague.example/phone"), "'x@montague.example/phone' is no account's address"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(roost, words, said):
    roost("user", "add", "mercutio", "--password-stdin", said="sesame\n")
    refused = roost("user", *words, "--password-stdin", said="sesame\n")
    assert refused.returncode == 1
    assert refused.stderr.startswith(said)
    assert refused.stderr.count("\n") == 1


def test_no_account_to_remove(roost):
    refused = roost("user", "remove", "nobody")
    assert (refused.returncode, refused.stderr) == (1, "There is no account nobody@montague.example.\n")


def test_an_empty_password_is_none(roost):
    refused = roost("user", "add", "paris", "--password-stdin", said="\n")
    assert refused.returncode == 1
    assert refused.stderr.startswith("That is no password")


def test_a_password_is_never_an_argument(roost):
    assert roost("user", "add", "paris", "sesame").returncode == 2


def test_without_a_database_it_says_so(command):
    gone = command("user", "list", ROOST_DATABASE_URL="postgresql://127.0.0.1:1/roost")
    assert gone.returncode == 1
    assert gone.stderr.startswith("PostgreSQL cannot be reached: ")


def test_the_settings_file_is_what_a_role_alone_can_use(settings_file):
    assert tomllib.loads(Path(settings_file).read_text())["domain"] == "montague.example"
