import asyncio
import stat
from pathlib import Path

import pytest

from roost.roles.up import engines as subject
from roost.roles.up.folder import open_folder


@pytest.fixture
def folder(tmp_path):
    opened = asyncio.run(open_folder(tmp_path / 'a "quoted" folder'))
    yield opened
    opened.close()


def test_valkeys_password_is_in_a_private_file_and_not_in_an_argument(folder):
    command = subject.valkey(folder, 20999)
    password = folder.secrets().valkey
    configuration = Path(command.argv[-1])
    assert f"requirepass {password}" in configuration.read_text()
    assert stat.S_IMODE(configuration.stat().st_mode) == 0o600
    assert password not in " ".join(command.argv)
    assert 'a \\"quoted\\" folder/valkey"' in configuration.read_text()


def test_valkey_keeps_what_it_is_told_and_forgets_nothing_to_make_room(folder):
    subject.valkey(folder, 20999)
    configuration = (folder.valkey / "valkey.conf").read_text()
    assert "appendonly yes" in configuration
    assert "maxmemory-policy noeviction" in configuration
    assert "bind 127.0.0.1\n" in configuration


@pytest.mark.parametrize(
    ("lines", "ready"),
    [
        (["7", "/data", "1", "5432", "", "127.0.0.1", "1 2", "ready   "], True),
        (["7", "/data", "1", "5432", "", "127.0.0.1", "1 2", "starting"], False),
        (["6", "/data", "1", "5432", "", "127.0.0.1", "1 2", "ready   "], False),
        (["7", "/data", "1"], False),
        ([""], False),
    ],
)
def test_postgresql_is_ready_when_this_process_says_so(tmp_path, lines, ready):
    state = tmp_path / "postmaster.pid"
    state.write_text("\n".join(lines) + "\n")
    assert subject._is_ready(state, 7) is ready


def test_postgresql_is_not_ready_before_it_says_anything(tmp_path):
    assert not subject._is_ready(tmp_path / "postmaster.pid", 7)


def test_the_urls_hold_the_passwords(folder):
    assert subject.valkey_url(folder, 1) == f"redis://:{folder.secrets().valkey}@127.0.0.1:1"
    assert f"roost:{folder.secrets().postgresql}@127.0.0.1:2/roost" in subject.database_url(folder, 2)
