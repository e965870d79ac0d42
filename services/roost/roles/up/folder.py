"""The data folder: what lies where, who uses it, and the secrets that are kept in it."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import NamedTuple

from roost.roles.up import trouble
from roost.roles.up.trouble import CannotStart

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
_LOCK_SECONDS = 15.0
_LOCK_PAUSE_SECONDS = 0.05
_NEEDED_BYTES = 256 * 1024 * 1024


class Secrets(NamedTuple):
    """The passwords of the embedded engines, made once for each folder."""

    valkey: str
    postgresql: str


class Folder:
    """An open data folder, ours alone until `close`."""

    def __init__(self, root: Path, lock: int) -> None:
        """Use `open_folder`."""
        self.root = root
        self.lock = lock
        """The lock's file descriptor. Children inherit it, so that the folder stays locked
        until the last engine has ended, even when the supervisor was killed."""
        self.valkey = root / "valkey"
        self.postgresql = root / "postgresql"
        self.tls = root / "tls"
        self.logs = root / "logs"
        self.settings = root / "roost.toml"

    def secrets(self) -> Secrets:
        """The engines' passwords."""
        file = self.root / "secrets.json"
        if not file.exists():
            made = Secrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
            write_private(file, json.dumps(made._asdict()).encode())
        return Secrets(**json.loads(file.read_text()))

    def close(self) -> None:
        """Let others use the folder."""
        os.close(self.lock)


async def open_folder(root: Path) -> Folder:
    """Make `root`, an absolute path, where there is none and take it for ourselves.

    Raises CannotStart: it cannot be written, the disk is full, another `roost up` uses it.
    """
    lock = _lock_file(root)
    try:
        await _take(root, lock)
        return _prepared(root, lock)
    except BaseException:
        os.close(lock)
        raise


def write_private(file: Path, content: bytes) -> None:
    """Write `file` whole or not at all, readable by its owner alone."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE_FILE), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        new.unlink(missing_ok=True)
        raise
    new.replace(file)


def _lock_file(root: Path) -> int:
    try:
        root.mkdir(mode=_PRIVATE_FOLDER, parents=True, exist_ok=True)
        return os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE_FILE)
    except OSError as error:
        raise trouble.of_file(error, root) from error


def _prepared(root: Path, lock: int) -> Folder:
    folder = Folder(root, lock)
    try:
        for each in (folder.valkey, folder.tls, folder.logs):
            each.mkdir(mode=_PRIVATE_FOLDER, exist_ok=True)
        # a look before the engines, which would fail half-way
        if shutil.disk_usage(root).free < _NEEDED_BYTES:
            raise CannotStart(
                f"The disk that holds {root} is full: "
                f"Roost wants {_NEEDED_BYTES >> 20} MiB free there; free some space, then start again."
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        raise trouble.of_file(error, root) from error
    return folder


async def _take(root: Path, lock: int) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(lock)
            if _is_alive(holder) or loop.time() > deadline:
                raise CannotStart(
                    f"Roost is already running on {root} (process {holder}); "
                    "stop that one first or choose another folder with --data."
                ) from None
            # the one that held it was killed, and its engines are just ending
            await asyncio.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return


def _holder(lock: int) -> int:
    return int(os.pread(lock, 32, 0).strip() or b"0")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process > 0
