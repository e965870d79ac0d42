import errno
import os
from pathlib import Path

import pytest

from roost.roles.up import trouble

FOLDER = Path("/data")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "The disk that holds /data is full; free some space, then start again."),
        (errno.EDQUOT, "The disk that holds /data is full; free some space, then start again."),
        (errno.EACCES, "The folder /data cannot be written; choose another with --data."),
        (errno.EROFS, "The folder /data cannot be written; choose another with --data."),
        (errno.ENOTDIR, "/data is not a folder; choose another with --data."),
        (errno.EIO, "Something is wrong with the folder /data: [Errno 5] Input/output error."),
    ],
)
def test_each_error_of_a_file_is_a_sentence(number, said):
    assert str(trouble.of_file(OSError(number, os.strerror(number)), FOLDER)) == said


def test_a_processs_last_words_are_told():
    error = trouble.of_process("Valkey", "first\nBad file format\n\n", FOLDER / "logs" / "valkey.log")
    assert str(error) == "Valkey did not start: Bad file format (its log is /data/logs/valkey.log)."


def test_a_process_that_found_the_disk_full():
    said = "FATAL: could not write: No space left on device\nexiting\n"
    assert "disk that holds /data is full" in str(
        trouble.of_process("PostgreSQL", said, FOLDER / "logs" / "p.log")
    )
