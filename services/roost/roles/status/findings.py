"""What is wrong with a cluster, and what is worth a look: a sentence each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from roost.roles.status.survey import CONNECTION_MANAGER, PRESENCE, Survey

_SAME = ("domain", "presence_shards")


def wrongs(found: Survey) -> list[str]:
    """What has to be mended."""
    return [*_engines(found), *(_processes(found) if not isinstance(found.redis, str) else ())]


def notes(found: Survey) -> list[str]:
    """What may be as it should: an upgrade under way, a process that died."""
    return [*_versions(found), *_own_settings(found), *_draining(found), *_dead(found), *_unknown(found)]


def _engines(found: Survey) -> Iterator[str]:
    for engine in (found.redis, found.store):
        if isinstance(engine, str):
            yield f"{engine.rstrip('.')}."
    if not isinstance(found.store, str) and found.store.schema.trouble is not None:
        yield found.store.schema.trouble


def _processes(found: Survey) -> Iterator[str]:
    if not found.alive(CONNECTION_MANAGER):
        yield "No connection manager is running: nobody can log in."
    if not found.alive(PRESENCE):
        yield "No presence process is running: nobody hears who is there, and dead pods are not swept."
    for member in found.alive(CONNECTION_MANAGER):
        if member.lease is None:
            yield f"{member.name} has no lease: the cluster has given its sessions up."
    yield from _shards(found)
    yield from _settings(found)


def _shards(found: Survey) -> Iterator[str]:
    for service, shards in found.shards.items():
        lost = [shard.number for shard in shards if shard.owner is None]
        if lost and found.alive(PRESENCE):
            many = len(lost) > 1
            yield (
                f"Shard{'s' if many else ''} {_ranges(lost)} of {service} "
                f"{'have' if many else 'has'} no owner: what is sent there waits."
            )


def _settings(found: Survey) -> Iterator[str]:
    """What must be the same on all processes."""
    for name in _SAME:
        values = _values(found, name)
        if len(values) > 1:
            yield f"Processes differ in their setting {name}: {_listed(values)}."


def _own_settings(found: Survey) -> Iterator[str]:
    for name in _SAME:
        values, own = _values(found, name), getattr(found, name)
        if len(values) == 1 and values != {own}:
            yield f"The processes have the setting {name} = {_listed(values)}, this command {own}."


def _values(found: Survey, name: str) -> set[object]:
    return {getattr(one.about, name) for one in found.members if one.alive and one.about is not None}


def _versions(found: Survey) -> Iterator[str]:
    versions = _values(found, "version")
    if len(versions) > 1:
        yield f"Versions {_listed(versions)} run side by side."
    elif versions and versions != {found.version}:
        yield f"The processes are of version {_listed(versions)}, and this command of {found.version}."


def _draining(found: Survey) -> Iterator[str]:
    for member in found.members:
        if member.alive and member.about is not None and member.about.draining:
            left = f", sessions left: {member.sessions:,}" if member.role == CONNECTION_MANAGER else ""
            yield f"{member.name} ({member.id}) is draining{left}."


def _dead(found: Survey) -> Iterator[str]:
    names = {member.name for member in found.members if member.alive}
    for member in found.members:
        who = member.name if member.name == member.id else f"{member.name} ({member.id})"
        if member.swept:
            yield f"{who} is dead, and its {member.sessions:,} sessions are being ended."
        elif not member.alive:
            yield f"{who} ended without a word{', and runs again' if member.name in names else ''}."


def _unknown(found: Survey) -> Iterator[str]:
    silent = [member.name for member in found.members if member.about is None and not member.swept]
    if silent:
        yield f"{_listed(silent)} has a lease and has said nothing of itself: is it of an older release?"


def _listed(values: Iterable[object]) -> str:
    return " and ".join(sorted(map(str, values)))


def _ranges(numbers: Sequence[int]) -> str:
    """Such as `0-3, 7`."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and parts[-1][-1] == number - 1:
            parts[-1][1:] = [number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)
