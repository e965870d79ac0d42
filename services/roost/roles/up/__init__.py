"""`roost up`: the whole cluster on one machine, its engines included."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from roost.core.ports import StoreUnavailable
from roost.roles.up import certificates, engines, ports, report, trouble
from roost.roles.up.child import Child, Say
from roost.roles.up.folder import Folder, open_folder
from roost.roles.up.plan import CONNECTION_MANAGER, PRESENCE, Plan, Pod, command, pods
from roost.roles.up.supervisor import Supervisor
from roost.roles.up.trouble import CannotStart
from roost.runtime.config import Settings
from roost.runtime.lifecycle import Stop, stop_on_signals
from roost.store.migrate import WrongSchema

Migrate = Callable[[Settings], Coroutine[Any, Any, str]]
"""Brings the database up and says, in a few words, how it is now; raises StoreUnavailable, WrongSchema."""


def tell(line: str) -> None:
    """Print a line at once, also into a pipe."""
    print(line, flush=True)


async def run(plan: Plan, migrate: Migrate, say: Say = tell) -> int:
    """Start everything, keep it running until a signal, stop everything; the exit code.

    `say` gets the lines for people; what keeps the cluster from starting goes to standard error.
    """
    stop = stop_on_signals()
    try:
        engines.require()
        folder = await open_folder(plan.data.absolute())
    except CannotStart as error:
        return _failed(error)
    try:
        await _serve(plan, migrate, say, folder, stop)
    except CannotStart as error:
        return _failed(error)
    except OSError as error:
        return _failed(trouble.of_file(error, folder.root))
    else:
        return 0
    finally:
        folder.close()


async def _serve(plan: Plan, migrate: Migrate, say: Say, folder: Folder, stop: Stop) -> None:
    running: list[report.Running] = []
    supervisor = Supervisor(say, lambda: _describe_again(plan, running, say))
    try:
        started = await _unless_stopped(_start(plan, migrate, say, folder, supervisor), stop)
        if started is not None:
            running.append(started)
            _describe(plan, started)
            say(report.summary(started))
            await stop.asked.wait()
    finally:
        await supervisor.stop(stop.hurried)
        if plan.describe is not None:
            plan.describe.unlink(missing_ok=True)


async def _start(
    plan: Plan, migrate: Migrate, say: Say, folder: Folder, supervisor: Supervisor
) -> report.Running:
    # Everything that can be found wrong before a process runs is looked at first.
    valkey_port, postgresql_port = ports.choose(2)
    files = certificates.provide(folder.tls, plan.settings.domain)
    settings = plan.settings.model_copy(
        update={
            "redis_url": engines.valkey_url(folder, valkey_port),
            "database_url": engines.database_url(folder, postgresql_port),
            "certificate_file": files.certificate,
            "key_file": files.key,
        }
    )
    each = pods(plan, settings, (valkey_port, postgresql_port))
    report.write_settings(folder, settings)
    say(f"Starting Valkey on port {valkey_port}.")
    [valkey] = await supervisor.start(engines.valkey(folder, valkey_port))
    say(f"Starting PostgreSQL on port {postgresql_port}.")
    await engines.initialise(folder)
    [postgresql] = await supervisor.start(engines.postgresql(folder, postgresql_port))
    await engines.make_database(folder, postgresql_port)
    say(f"The database is {await _migrated(migrate, settings, folder)}.")
    children = [
        await _start_role(role, plan, each, folder, supervisor, say)
        for role in (PRESENCE, CONNECTION_MANAGER)
    ]
    return report.Running(
        settings,
        folder,
        files,
        valkey,
        valkey_port,
        postgresql,
        postgresql_port,
        [*children[1], *children[0]],
    )


async def _migrated(migrate: Migrate, settings: Settings, folder: Folder) -> str:
    try:
        return await migrate(settings)
    except (StoreUnavailable, WrongSchema) as error:
        raise trouble.of_database(error, folder.root) from error


async def _start_role(
    role: str, plan: Plan, each: Sequence[Pod], folder: Folder, supervisor: Supervisor, say: Say
) -> list[tuple[Pod, Child]]:
    chosen = [pod for pod in each if pod.role == role]
    say(f"Starting {' and '.join(pod.name for pod in chosen)}.")
    children = await supervisor.start(*(command(plan, pod, folder) for pod in chosen))
    return list(zip(chosen, children, strict=True))


async def _unless_stopped(work: Coroutine[Any, Any, report.Running], stop: Stop) -> report.Running | None:
    """The result of `work`, or None when a signal came first; it is cut short then."""
    working = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stop.asked.wait())
    await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    if working.done():
        return working.result()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return None


def _describe(plan: Plan, running: report.Running) -> None:
    if plan.describe is not None:
        try:
            report.describe(running, plan.describe)
        except OSError as error:
            raise CannotStart(f"{plan.describe} cannot be written: {error.strerror}.") from error


def _describe_again(plan: Plan, running: Sequence[report.Running], say: Say) -> None:
    for each in running:
        try:
            _describe(plan, each)
        except CannotStart as error:
            say(str(error))


def _failed(error: CannotStart) -> int:
    print(error, file=sys.stderr, flush=True)
    return 1
