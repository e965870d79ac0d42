"""Scripts: Redis knows them by the name we give them, and each file says what it is to be given."""

from __future__ import annotations

import re
import socket
from importlib.resources import files
from pathlib import Path

import hiredis
import pytest

from roost.cluster.resp import bulk
from roost.cluster.script import Script

_FOLDER = files("roost.cluster").joinpath("scripts")
NAMES = sorted(Path(str(file)).stem for file in _FOLDER.iterdir())
_COMMENT = re.compile(r"--.*")
_ARGUMENT = re.compile(r"\b(?:KEYS|ARGV)\[\d+\]")
_ALL_ARGUMENTS = re.compile(r"\bARGV\b(?!\[)")


def parts(name):
    """A script's first comment, and its code without comments."""
    lines = Script(name).source.decode().splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[:end]), _COMMENT.sub("", "\n".join(lines[end:]))


@pytest.mark.parametrize("name", NAMES)
def test_redis_takes_it_and_calls_it_the_same(valkey, name):
    script = Script(name)
    assert valkey.admin().script_load(script.source) == script.sha.decode()


@pytest.mark.parametrize("name", NAMES)
def test_the_legend_names_every_argument_and_no_other(name):
    legend, code = parts(name)
    used, named = set(_ARGUMENT.findall(code)), set(_ARGUMENT.findall(legend))
    assert used == named
    if _ALL_ARGUMENTS.search(code):
        assert re.search(r"^-- ARGV {2,}\w", legend, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_the_legend_lists_arguments_in_order_and_leaves_none_out(name):
    """What one passes is read off the lines that begin with them: `-- KEYS[1]  r1:{bare}`."""
    legend, _code = parts(name)
    for kind in ("KEYS", "ARGV"):
        mentioned = {int(number) for number in re.findall(rf"{kind}\[(\d+)\]", legend)}
        assert mentioned == set(range(1, len(mentioned) + 1))
        lines = [int(number) for number in re.findall(rf"^-- {kind}\[(\d+)\] ", legend, re.MULTILINE)]
        assert lines == list(range(1, len(lines) + 1))
        assert lines or not mentioned


@pytest.mark.parametrize("name", NAMES)
def test_the_legend_begins_with_what_it_is_for(name):
    legend, _code = parts(name)
    assert re.match(r"-- [A-Z][^\n]+[a-z]", legend)


def test_every_script_is_asked_for_by_somebody():
    folder = Path(str(_FOLDER)).parent
    asked = {
        name for file in folder.glob("*.py") for name in re.findall(r'\.script\("(\w+)"\)', file.read_text())
    }
    assert asked == set(NAMES)


@pytest.mark.parametrize(("keys", "arguments"), [(1, 0), (1, 3), (2, 2), (3, 12)])
def test_the_head_fits_what_is_packed_behind_it(valkey, keys, arguments):
    """A script of ours with an echo in its place; sent twice, so that nothing is left over or wanting."""
    script = Script("take")
    script.sha = valkey.admin().script_load("return {KEYS, ARGV}").encode()
    words = [f"{{k}}{number}" for number in range(keys)] + [f"ä{number}" for number in range(arguments)]
    command = script.head(arguments, keys) + b"".join(bulk(word) for word in words)
    said = [[word.encode() for word in words[:keys]], [word.encode() for word in words[keys:]]]
    assert answers(valkey, command * 2) == [said, said]


def answers(valkey, commands):
    """Two replies to what is sent as it is."""
    reader, replies = hiredis.Reader(), []
    with socket.create_connection(("127.0.0.1", valkey.port)) as connection:
        connection.sendall(commands)
        while len(replies) < 2:
            if (reply := reader.gets()) is not False:
                replies.append(reply)
            else:
                reader.feed(connection.recv(65536))
    return replies


def test_there_is_no_script_of_another_name():
    with pytest.raises(FileNotFoundError):
        Script("no_such_script")
