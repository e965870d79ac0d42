"""The cluster on one screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import click

from roost.roles.status.survey import CONNECTION_MANAGER, PRESENCE, Member, Redis, Store, Survey

_GAP = "  "
_UNITS = (("d", 86_400), ("h", 3600), ("m", 60))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")
_LABEL = 10  # columns for what stands in front of a line

Column = tuple[str, bool, Callable[[Member], str]]
"""Heading, whether it is a number, and what it says of a member."""


def page(found: Survey, wrong: Sequence[str], noted: Sequence[str]) -> str:
    """The whole text, with colours that click takes out where they cannot be seen."""
    blocks = [_title(found, well=not wrong)]
    if not isinstance(found.redis, str):
        blocks += [_connection_managers(found), _presence(found)]
    blocks.append("\n".join([_line("Redis", _redis(found.redis)), _line("Database", _database(found.store))]))
    if wrong or noted:
        marked = [click.style("  ✗ ", fg="red", bold=True) + one for one in wrong]
        marked += [click.style("  · ", fg="yellow") + one for one in noted]
        blocks.append("\n".join(marked))
    return "\n\n".join(blocks)


def _title(found: Survey, *, well: bool) -> str:
    verdict = click.style("all is well", fg="green") if well else click.style("something is wrong", fg="red")
    return f"{click.style(f'Roost at {found.domain}', bold=True)}: {verdict}"


# --- processes ---


def _connection_managers(found: Survey) -> str:
    members = found.of(CONNECTION_MANAGER)
    sessions = sum(member.sessions for member in members)
    head = f"{len(found.alive(CONNECTION_MANAGER))} running, {_counted(sessions, 'session')}"
    own: Column = ("sessions", True, lambda member: f"{member.sessions:,}")
    return _block("Connection managers", head, members, [*_COLUMNS, own, _METRICS])


def _presence(found: Survey) -> str:
    shards = found.shards.get(PRESENCE, ())
    owned = sum(shard.owner is not None for shard in shards)
    waiting = sum(shard.waiting for shard in shards)
    head = (
        f"{len(found.alive(PRESENCE))} running, {owned} of {_counted(len(shards), 'shard')} owned, "
        f"{_counted(waiting, 'entry', 'entries')} waiting"
    )
    own: list[Column] = [
        ("shards", True, lambda member: str(len(member.shards))),
        ("waiting", True, lambda member: f"{member.waiting:,}"),
    ]
    return _block("Presence", head, found.of(PRESENCE), [*_COLUMNS, *own, _METRICS])


def _block(title: str, head: str, members: Sequence[Member], columns: Sequence[Column]) -> str:
    lines = [f"{click.style(title, bold=True)}: {head}"]
    if members:
        lines += _table(members, columns)
    return "\n".join(lines)


def _table(members: Sequence[Member], columns: Sequence[Column]) -> list[str]:
    cells = [[heading for heading, _number, _say in columns]]
    cells += [[say(member) for _heading, _number, say in columns] for member in members]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rows = [
        _GAP
        + _GAP.join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, (_heading, number, _say) in zip(row, widths, columns, strict=True)
        ).rstrip()
        for row in cells
    ]
    bright = [False, *(member.alive for member in members)]
    return [row if lit else click.style(row, dim=True) for row, lit in zip(rows, bright, strict=True)]


def _up(member: Member) -> str:
    if member.about is None:
        return "?"
    if not member.alive:
        return "gone"
    if member.about.draining:
        return "draining"
    return _span(max(0.0, time.time() - member.about.started))


def _lease(member: Member) -> str:
    if member.swept:
        return "swept"
    return "none" if member.lease is None else f"{max(0.0, member.lease):.0f} s left"


_COLUMNS: Sequence[Column] = (
    ("name", False, lambda member: member.name),
    ("id", False, lambda member: member.id),
    ("version", False, lambda member: member.about.version if member.about else "?"),
    ("up", True, _up),
    ("heard", True, lambda member: "?" if member.silent is None else f"{_span(member.silent)} ago"),
    ("lease", True, _lease),
)
_METRICS: Column = ("metrics", False, lambda member: member.about.metrics if member.about else "?")


# --- engines ---


def _line(name: str, said: str) -> str:
    return f"{click.style(f'{name}:'.ljust(_LABEL), bold=True)}{said}"


def _redis(redis: Redis | str) -> str:
    if isinstance(redis, str):
        return "cannot be reached"
    versions = " and ".join(sorted({f"{one.product} {one.version}" for one in redis.servers}))
    used, limit = sum(one.memory for one in redis.servers), sum(one.limit for one in redis.servers)
    masters = f" of {len(redis.servers)} masters" if len(redis.servers) > 1 else ""
    return f"{versions}, {redis.kind}{masters}, {_size(used)}{f' of {_size(limit)}' if limit else ''} in use"


def _database(store: Store | str) -> str:
    if isinstance(store, str):
        return "cannot be reached"
    accounts = "" if store.accounts is None else f", {_counted(store.accounts, 'account')}"
    return f"PostgreSQL {store.version}, schema {store.schema.number}{accounts}"


# --- figures ---


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _span(seconds: float) -> str:
    """Such as `3 h 12 m`: two units, for people."""
    for place, (unit, length) in enumerate(_UNITS):
        if seconds >= length:
            rest = seconds % length
            below, part = _UNITS[place + 1] if place + 1 < len(_UNITS) else ("s", 1)
            return f"{int(seconds // length)} {unit} {int(rest // part)} {below}"
    return f"{seconds:.0f} s"


def _size(count: float) -> str:
    for unit in _SIZES:
        if count < 1024 or unit == _SIZES[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
