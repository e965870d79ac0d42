"""The rules of the house that can be read off the files themselves; CONTRIBUTING.md has them in words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from roost.cluster import keys

ROOT = Path(__file__).parent.parent
SERVICES, LOADTEST, TESTS = ROOT / "services/roost", ROOT / "loadtest", ROOT / "tests"
SCRIPTS = sorted((SERVICES / "cluster/scripts").glob("*.lua"))

LINES_OF_A_FILE = 420  # about 400, and a little air
LINES_OF_A_FUNCTION = 40
LONG_FUNCTIONS = {
    "services/roost/roles/connection_manager.py: _network",  # a list of what is built, and of what out of
}
WITHOUT_CODE = {
    "services/roost/core/ports/cluster.py",  # protocols and records: their implementations are tested
    "services/roost/core/ports/store.py",
    "services/roost/core/wire.py",
}
# Importing Locust changes the whole process: these are run by one of their own, in test_locustfile.py.
WITHIN_LOCUST = {
    "loadtest/report/results.py",
    *(
        f"loadtest/users/{name}.py"
        for name in ("chat", "devices", "login_storm", "person", "presence_day", "reconnect_herd")
    ),
}
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "misc", "tools", "util", "utils"}


def python(*folders: Path) -> list[Path]:
    return sorted(
        file for folder in folders for file in folder.rglob("*.py") if "node_modules" not in file.parts
    )


def named(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


# --- files and functions ---


def test_each_source_file_has_its_test_file() -> None:
    """`a/b.py` is tested in `a/test_b.py`, `__main__.py` in `test_main.py`, a package's own code, if it has
    any, in a file named like the package."""
    sources = [file for file in python(SERVICES, LOADTEST) if named(file) not in WITHOUT_CODE | WITHIN_LOCUST]
    missing = {named(its_test(file)) for file in sources if has_code(file) and not its_test(file).exists()}
    assert missing == set()


def its_test(file: Path) -> Path:
    name = {"__main__": "main", "__init__": file.parent.name}.get(file.stem, file.stem)
    mirrored = SERVICES if file.is_relative_to(SERVICES) else ROOT
    return TESTS / file.relative_to(mirrored).with_name(f"test_{name}.py")


def has_code(file: Path) -> bool:
    """An `__init__` that only gathers names has none."""
    return file.stem != "__init__" or any(functions(file))


@pytest.mark.parametrize("file", sorted(WITHOUT_CODE))
def test_what_needs_no_test_does_nothing(file: str) -> None:
    for function in functions(ROOT / file):
        does = [one for one in function.body if not isinstance(one, ast.Expr)]
        assert does == [], f"{function.name} does something"


def test_files_can_be_read_at_a_sitting() -> None:
    files = [*python(SERVICES, LOADTEST, TESTS), *SCRIPTS]
    lengths = {named(file): len(file.read_text().splitlines()) for file in files}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_OF_A_FILE} == {}


def test_functions_do_one_thing() -> None:
    all_of_them = [(file, function) for file in python(SERVICES, LOADTEST) for function in functions(file)]
    long = {f"{named(file)}: {one.name}" for file, one in all_of_them if length(one) > LINES_OF_A_FUNCTION}
    assert long == LONG_FUNCTIONS
    assert median(length(one) for _file, one in all_of_them) < 10


def test_names_of_files_say_what_is_in_them() -> None:
    parts = {
        part for file in python(SERVICES, LOADTEST, TESTS) for part in Path(named(file)).with_suffix("").parts
    }
    assert parts & NAMES_THAT_SAY_NOTHING == set()


def test_no_test_is_left_out() -> None:
    marks = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
    assert [named(file) for file in python(TESTS) if marks.search(file.read_text())] == []


# --- scripts of the shell ---

SHELL = sorted([*(ROOT / ".ci").iterdir(), *(ROOT / "deploy").rglob("*.sh")])
STOPS_EARLY = re.compile(r"\|\s*(?:head\b|grep\s+(?:-\w*[mq]|--quiet|--max-count))")


@pytest.mark.parametrize("script", SHELL, ids=named)
def test_no_reader_of_a_pipe_stops_before_the_end(script: Path) -> None:
    """What writes to one that has gone dies by SIGPIPE, by chance, and `pipefail` tells that as a failure."""
    lines = script.read_text().splitlines()
    assert [line for line in lines if STOPS_EARLY.search(line)] == []


# --- keys of Redis ---

KEY = re.compile(r"[a-z]\d:")
TABLE = re.findall(r"^\| ([a-z]\d):(\S*) ", keys.__doc__ or "", re.MULTILINE)
KINDS = {kind for kind, _rest in TABLE}
ENDINGS = {rest.removeprefix("{pods}") for _kind, rest in TABLE if rest.startswith("{pods}:")}


def kinds(text: str) -> set[str]:
    """The kinds of keys that texts of a program begin with."""
    return {found[:2] for found in re.findall(rf"""['"]({KEY.pattern})""", text)}


def code(file: Path) -> str:
    """A script without its comments."""
    return re.sub(r"--.*", "", file.read_text())


def strings(file: Path) -> Iterator[str]:
    """The strings of a program that are no documentation."""
    parsed = tree(file)
    documents = {id(node.value) for node in ast.walk(parsed) if isinstance(node, ast.Expr)}
    for node in ast.walk(parsed):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents:
            yield node.value


def test_each_kind_of_key_stands_in_the_table_once() -> None:
    rows = [kind + rest for kind, rest in TABLE]
    assert len(rows) == len(set(rows))
    assert sum(line.startswith("| ") for line in (keys.__doc__ or "").splitlines()) == len(rows) + 1
    made = {said[:2] for said in strings(Path(keys.__file__)) if re.match(r"[a-z]\d(:|$)", said)}
    assert made == KINDS


def test_every_name_of_a_key_is_used() -> None:
    public = {name for name in vars(keys) if not name.startswith("_") and name not in {"annotations", "tag"}}
    users = "".join(file.read_text() for file in python(SERVICES / "cluster") if file.stem != "keys")
    assert {name for name in public if not re.search(rf"\bkeys\.{name}\b", users)} == set()


def test_keys_are_named_nowhere_else() -> None:
    named_by = {
        named(file): found
        for file in python(SERVICES)
        if file != Path(keys.__file__) and (found := [one for one in strings(file) if KEY.match(one)])
    }
    assert named_by == {}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda file: file.stem)
def test_a_script_touches_no_key_that_is_not_in_the_table(script: Path) -> None:
    legend = set(re.findall(r"^-- KEYS\[\d+\] +([a-z]\d):", script.read_text(), re.MULTILINE))
    assert kinds(code(script)) | legend <= KINDS
    assert set(re.findall(r"'(:[a-z]+)'", code(script))) <= ENDINGS


def test_every_ending_of_a_key_is_used() -> None:
    users = "".join(map(code, SCRIPTS))
    assert {ending for ending in ENDINGS if f"'{ending}'" not in users} == set()
