import asyncio
import sys

import pytest

from roost.roles.up.child import Command
from roost.roles.up.supervisor import Supervisor
from roost.roles.up.trouble import CannotStart

WAITS = "print('up', flush=True); import time; time.sleep(60)"


def command(folder, name: str, code: str = WAITS) -> Command:
    log = folder / f"{name}.log"

    async def ready(_pid: int) -> bool:
        return log.exists() and log.read_text() == "up\n"

    return Command(name, [sys.executable, "-c", code], log, ready, start_seconds=20)


def test_stages_stop_in_reverse_and_each_in_its_order(tmp_path):
    said: list[str] = []

    async def main() -> None:
        supervisor = Supervisor(said.append)
        await supervisor.start(command(tmp_path, "engine"))
        pods = await supervisor.start(command(tmp_path, "pod 1"), command(tmp_path, "pod 2"))
        assert [child.name for child in pods] == ["pod 1", "pod 2"]
        await supervisor.stop(asyncio.Event())
        assert not any(child.alive for child in pods)

    asyncio.run(main())
    assert said == ["Stopping pod 1.", "Stopping pod 2.", "Stopping engine."]


def test_when_one_of_a_stage_fails_the_other_is_stopped_too(tmp_path):
    said: list[str] = []

    async def main() -> None:
        supervisor = Supervisor(said.append)
        await supervisor.start(command(tmp_path, "engine"))
        with pytest.raises(CannotStart, match="Pod 1 did not start: no luck"):
            await supervisor.start(
                command(tmp_path, "pod 1", "raise SystemExit('no luck')"), command(tmp_path, "pod 2")
            )
        await supervisor.stop(asyncio.Event())

    asyncio.run(main())
    assert said[-1] == "Stopping engine."


def test_who_took_over_is_announced(tmp_path):
    changed = asyncio.Event()

    async def main() -> None:
        supervisor = Supervisor(print, changed.set)
        [child] = await supervisor.start(command(tmp_path, "pod"))
        before = child.pid
        child.command.log.write_text("")
        child._signal(9)
        await asyncio.wait_for(changed.wait(), 20)
        assert child.pid != before
        await supervisor.stop(asyncio.Event())

    asyncio.run(main())
