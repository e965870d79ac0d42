"""Lua scripts as commands."""

from __future__ import annotations

import hashlib
from importlib.resources import files

from roost.cluster.resp import bulk


class Script:
    """A Lua script of `scripts/`, packed but for its keys and arguments."""

    __slots__ = ("name", "sha", "source")

    def __init__(self, name: str) -> None:
        """Reads the file; its SHA-1 is how Redis will know it."""
        self.name = name
        self.source = files("roost.cluster").joinpath("scripts", f"{name}.lua").read_bytes()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest().encode()

    def head(self, arguments: int, keys: int = 1) -> bytes:
        """The command's start, for those who pack the rest themselves: EVALSHA, sha, number of keys."""
        return b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % (3 + keys + arguments, self.sha) + bulk(keys)
