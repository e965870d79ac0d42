import asyncio
import errno
import os

import pytest

from roost.roles.up import folder as subject
from roost.roles.up.trouble import CannotStart


def opened(root) -> subject.Folder:
    return asyncio.run(subject.open_folder(root))


def test_secrets_are_made_once(tmp_path):
    first = opened(tmp_path / "deep" / "data")
    secrets = first.secrets()
    assert len(set(secrets)) == 2
    assert min(map(len, secrets)) > 40
    first.close()
    again = opened(tmp_path / "deep" / "data")
    assert again.secrets() == secrets
    again.close()


def test_only_one_at_a_time(tmp_path):
    first = opened(tmp_path)
    with pytest.raises(CannotStart, match=rf"already running on {tmp_path} \(process {os.getpid()}\)"):
        opened(tmp_path)
    first.close()
    opened(tmp_path).close()


def test_nobody_else_may_look_in(tmp_path):
    opened(tmp_path / "data").close()
    assert (tmp_path / "data").stat().st_mode & 0o077 == 0


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "secret"
    subject.write_private(file, b"before")
    assert file.stat().st_mode & 0o777 == 0o600

    def full(_fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        subject.write_private(file, b"after")
    assert file.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]
