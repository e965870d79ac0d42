"""Commands as Redis reads them: arrays of bulk strings."""

from __future__ import annotations

Argument = bytes | str | int


def pack(*arguments: Argument) -> bytes:
    """One command as bytes."""
    parts = [b"*%d\r\n" % len(arguments)]
    parts += [bulk(argument) for argument in arguments]
    return b"".join(parts)


def bulk(argument: Argument) -> bytes:
    """One argument as a bulk string."""
    if isinstance(argument, bytes):
        data = argument
    elif isinstance(argument, str):
        data = argument.encode()
    else:
        data = b"%d" % argument
    return b"$%d\r\n%b\r\n" % (len(data), data)
