"""What can keep the cluster from starting, each as one sentence for the person at the terminal."""

from __future__ import annotations

import errno
from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL_IN_LOGS = "No space left on device"


class CannotStart(Exception):  # noqa: N818 - a state of the machine, not a bug
    """The cluster, or one process of it, cannot start; the text is a whole sentence."""


def disk_full(folder: Path) -> CannotStart:
    """The sentence for a disk without room for `folder`."""
    return CannotStart(f"The disk that holds {folder} is full; free some space, then start again.")


def of_file(error: OSError, folder: Path) -> CannotStart:
    """The sentence for an error while writing in `folder`."""
    if error.errno in _FULL:
        return disk_full(folder)
    if error.errno in _FORBIDDEN:
        return CannotStart(f"The folder {folder} cannot be written; choose another with --data.")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return CannotStart(f"{folder} is not a folder; choose another with --data.")
    return CannotStart(f"Something is wrong with the folder {folder}: {error}.")


def of_database(error: Exception, folder: Path) -> CannotStart:
    """The sentence for a database in `folder` that runs and cannot be used."""
    return disk_full(folder) if _FULL_IN_LOGS in str(error) else CannotStart(str(error))


def of_process(name: str, said: str, log: Path) -> CannotStart:
    """The sentence for process `name` that ended while it started, having `said` that in `log`."""
    if _FULL_IN_LOGS in said:
        return disk_full(log.parent.parent)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = f": {lines[-1]}" if lines else ""
    return CannotStart(f"{name} did not start{last} (its log is {log}).")
