import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from roost.roles.up import child as subject
from roost.roles.up.child import Child, Command
from roost.roles.up.trouble import CannotStart

OBEDIENT = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {OBEDIENT}"


@pytest.fixture
def command(tmp_path):
    """A Command for a line of Python; ready once it has printed something."""

    def make(code: str) -> Command:
        log = tmp_path / "child.log"

        async def ready(_pid: int) -> bool:
            return log.exists() and log.stat().st_size > 0

        return Command("the child", [sys.executable, "-c", code], log, ready, start_seconds=20)

    return make


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Signalled(Child):
    """Tells when it has sent a number of signals."""

    def __init__(self, command: Command, signals: int) -> None:
        super().__init__(command, print)
        self.to_send = signals
        self.all_sent = asyncio.Event()

    def _signal(self, number: signal.Signals) -> None:
        super()._signal(number)
        self.to_send -= 1
        if not self.to_send:
            self.all_sent.set()


def test_it_is_ready_then_it_stops(command):
    async def main() -> None:
        child = Child(command(OBEDIENT), print)
        await child.start()
        assert child.alive
        pid = child.pid
        await child.stop(asyncio.Event())
        assert not child.alive
        assert gone(pid)

    asyncio.run(main())


def test_who_does_not_stop_in_time_is_killed(command):
    async def main() -> None:
        child = Child(replace(command(STUBBORN), stop_seconds=0.2), print)
        await child.start()
        await asyncio.wait_for(child.stop(asyncio.Event()), 10)
        assert not child.alive

    asyncio.run(main())


def test_a_hurry_does_not_wait(command):
    async def main() -> None:
        child = Child(command(STUBBORN), print)
        await child.start()
        hurried = asyncio.Event()
        stopping = asyncio.create_task(child.stop(hurried))
        await asyncio.sleep(0)
        hurried.set()
        await asyncio.wait_for(stopping, 10)
        assert not child.alive

    asyncio.run(main())


HURRIED = """
import signal, sys
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
print("up", flush=True)
while len(asked) < 2:
    signal.pause()
print("ends by itself", flush=True)
"""


def test_a_hurry_is_not_lost_on_who_had_not_seen_the_first_signal_yet(command):
    """Two signals of a kind that come before a process looks are one to it."""

    async def main() -> None:
        child = Signalled(replace(command(HURRIED), hurry_signal=signal.SIGTERM), signals=2)
        await child.start()
        os.kill(child.pid, signal.SIGSTOP)
        hurried = asyncio.Event()
        stopping = asyncio.create_task(child.stop(hurried))
        hurried.set()
        await asyncio.wait_for(child.all_sent.wait(), 10)
        os.kill(child.pid, signal.SIGCONT)
        await asyncio.wait_for(stopping, 10)
        assert child.command.log.read_text().endswith("ends by itself\n")

    asyncio.run(main())


def test_who_is_hurried_in_vain_is_killed(command, monkeypatch):
    monkeypatch.setattr(subject, "_HURRY_SECONDS", 0.2)

    async def main() -> None:
        stubborn = replace(command(STUBBORN), stop_seconds=0.2, hurry_signal=signal.SIGTERM)
        child = Child(stubborn, print)
        await child.start()
        await asyncio.wait_for(child.stop(asyncio.Event()), 10)
        assert not child.alive

    asyncio.run(main())


def test_what_is_not_ready_in_time_is_not_left_behind(command):
    async def never(_pid: int) -> bool:
        return False

    async def main() -> int:
        child = Child(replace(command(OBEDIENT), ready=never, start_seconds=0.3), print)
        with pytest.raises(
            CannotStart, match=r"^The child did not start: it was not ready within 0.3 s \(its log is"
        ):
            await child.start()
        return child.pid

    assert gone(asyncio.run(main()))


def test_what_ends_while_it_starts_is_told_with_its_last_words(command):
    async def never(_pid: int) -> bool:
        return False

    async def main() -> None:
        child = Child(replace(command("import sys; sys.exit('no luck')"), ready=never), print)
        with pytest.raises(CannotStart, match=r"^The child did not start: no luck"):
            await child.start()

    asyncio.run(main())


def test_a_program_that_is_not_there(command):
    async def main() -> None:
        child = Child(replace(command(""), argv=["/nowhere/program"]), print)
        with pytest.raises(CannotStart, match=r"^The child did not start: .*No such file"):
            await child.start()

    asyncio.run(main())


def test_it_pauses_longer_each_time_it_dies_young(command, monkeypatch):
    monkeypatch.setattr(subject, "_FIRST_PAUSE_SECONDS", 0.01)
    said: list[str] = []
    three = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        if sum("starts again" in each for each in said) == 3:
            three.set()

    async def main() -> None:
        child = Child(command("print('up', flush=True); raise SystemExit(3)"), say)
        await child.start()
        keeper = asyncio.create_task(child.keep())
        await asyncio.wait_for(three.wait(), 20)
        keeper.cancel()

    asyncio.run(main())
    pauses = [line for line in said if "starts again" in line]
    assert pauses == [
        f"The child ended with exit code 3; it starts again in {each} s." for each in (0.01, 0.02, 0.04)
    ]


def test_a_long_log_is_turned_over(command, monkeypatch):
    monkeypatch.setattr(subject, "_LOG_BYTES", 3)

    async def main() -> None:
        child = Child(made, print)
        await child.start()
        await child.stop(asyncio.Event())

    made = command(OBEDIENT)
    made.log.write_text("older\n")
    asyncio.run(main())
    assert made.log.read_text() == "up\n"
    assert made.log.with_suffix(".old.log").read_text() == "older\n"


def test_it_ends_with_its_parent(tmp_path):
    code = (
        "import subprocess, sys, signal, time\n"
        "from roost.roles.up.child import end_with_parent\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " preexec_fn=end_with_parent(signal.SIGKILL))\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline
    parent.stdout.close()
