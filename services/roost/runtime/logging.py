"""Log lines: structlog for ours and for the standard library's, passwords masked."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import MutableMapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import Any, TextIO

import structlog

from roost.runtime.config import Settings
from roost.runtime.jid_hashes import JidHashes
from roost.runtime.values import masked

_SECRET_KEYS = frozenset({"password", "secret", "token", "authorization"})
_LEVELS = ("debug", "info", "warning", "error")
_Event = MutableMapping[str, Any]
_jids = JidHashes()


def configure(settings: Settings, role: str, out: TextIO | None = None) -> None:
    """Set up logging for this process: lines go to `out` (default: standard error).

    Every line says which role and pod it is from.
    """
    to = out or sys.stderr
    ending = _ending(settings, colours=out is None and sys.stderr.isatty())
    handler = logging.StreamHandler(to)
    meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_beginning(), processors=[meta, *ending])
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    structlog.configure(
        processors=[*_beginning(), *ending],
        logger_factory=partial(_Output, to),
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(role=role, pod=settings.pod_name)


class Logger:
    """Says lines for one part of the server. A line below the level costs a comparison.

    What a line says besides the event, it says in fields; `exc_info` takes an exception.
    """

    __slots__ = ("_lines",)

    def __init__(self, name: str) -> None:
        self._lines: structlog.BoundLogger = structlog.get_logger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """What helps to find out what happens."""
        if logging.root.level <= logging.DEBUG:
            self._lines.debug(event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        """What happens every day."""
        if logging.root.level <= logging.INFO:
            self._lines.info(event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        """What may need somebody."""
        if logging.root.level <= logging.WARNING:
            self._lines.warning(event, **fields)

    def error(self, event: str, **fields: Any) -> None:
        """What needs somebody."""
        if logging.root.level <= logging.ERROR:
            self._lines.error(event, **fields)


class _Output:
    """Where finished lines go. One that cannot be written is lost: nothing else suffers of it."""

    def __init__(self, to: TextIO, name: str) -> None:
        self.name = name
        self._to = to

    def info(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._to.write(f"{line}\n")
            self._to.flush()

    debug = warning = error = info


def logger(name: str) -> Logger:
    """The logger of one part of the server: `logger(__name__).info("stream opened", transport="tls")`."""
    return Logger(name)


def silence() -> None:
    """Log nothing in this process: what a command has to say it says to the one who typed it."""
    logging.basicConfig(handlers=[logging.NullHandler()], level=logging.CRITICAL, force=True)


def learn_secret(secret: bytes) -> None:
    """Show JIDs, where `log_jids` is `hashed`, as hashes keyed with the cluster's secret, not as `hidden`."""
    _jids.learn(secret)


def use_level(level: str) -> None:
    """Log at `level` from now on, one of those of the setting `log_level`."""
    logging.getLogger().setLevel(level.upper())


def override_level(configured: str, asked: str | None) -> None:
    """Log at the level that an operator has asked for; None is the end of that."""
    level = asked or configured
    use_level(min((level, "info"), key=_LEVELS.index))  # so that the line itself is seen
    logger("roost.logs").info("log level changed", now=level, configured=configured)
    use_level(level)


def concerning(**fields: str | None) -> AbstractContextManager[None]:
    """A context whose lines say whom they concern: `jid`, `sid` (the session's id), `stanza` (its id)."""
    known = {name: value for name, value in fields.items() if value is not None}
    return structlog.contextvars.bound_contextvars(**known)


def hide_secrets(_logger: object, _method: str, event: _Event) -> _Event:
    """A structlog processor: no value under a secret's name, no password in a URL."""
    for key, value in event.items():
        if key in _SECRET_KEYS:
            event[key] = "********"
        elif isinstance(value, str) and ("://" in value or "password=" in value):
            event[key] = masked(value)
    return event


def _beginning() -> list[Any]:
    """The processors that say where a line is from."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _ending(settings: Settings, *, colours: bool) -> list[Any]:
    """The processors that make a line of it."""
    render: Any = (
        structlog.processors.JSONRenderer(serializer=_json)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
    )
    jids = [_jids] if settings.log_jids == "hashed" else []
    return [structlog.processors.format_exc_info, hide_secrets, *jids, render]


_encoder = json.JSONEncoder(default=str)  # json.dumps would make one for each line


def _json(event: _Event, **_options: Any) -> str:
    return _encoder.encode(event)
