"""A child process: started, waited for until it is ready, started again when it dies, stopped."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from roost.roles.up import trouble
from roost.roles.up.trouble import CannotStart

_PR_SET_PDEATHSIG = 1
_PROBE_PAUSE_SECONDS = 0.03
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STEADY_SECONDS = 30.0
_HURRY_SECONDS = 10.0
_HURRY_AGAIN_SECONDS = 1.0
_LOG_TAIL_BYTES = 16_384
_LOG_BYTES = 16 * 1024 * 1024

_libc = ctypes.CDLL(None)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Command:
    """How to start, judge and stop one process."""

    name: str
    """As people read it, such as `connection manager 1`."""
    argv: Sequence[str]
    log: Path
    """Its standard output and error, appended."""
    ready: Callable[[int], Awaitable[bool]]
    """Asked with the process id, again and again, until it says True."""
    environment: Mapping[str, str] | None = None
    """None for our own."""
    inherited: tuple[int, ...] = ()
    """File descriptors that it keeps open."""
    stop_signal: signal.Signals = signal.SIGTERM
    hurry_signal: signal.Signals = signal.SIGKILL
    """What makes it end sooner; if it does not, it is killed."""
    orphan_signal: signal.Signals = signal.SIGKILL
    """What the kernel sends it when we are gone."""
    start_seconds: float = 60.0
    stop_seconds: float = 30.0


class Child:
    """One process by its Command; a new process takes the place of one that died."""

    def __init__(self, command: Command, say: Say, changed: Callable[[], None] = lambda: None) -> None:
        """`say` gets a line for people; `changed` is called when a new process took over."""
        self.command = command
        self._say = say
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._log_offset = 0
        self._started = 0.0

    @property
    def name(self) -> str:
        """The command's name."""
        return self.command.name

    @property
    def title(self) -> str:
        """The name as the first words of a sentence."""
        return self.name[0].upper() + self.name[1:]

    @property
    def pid(self) -> int:
        """The id of the present process."""
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and wait until it is ready; raises CannotStart, and then no process is left."""
        try:
            await self._spawn()
        except OSError as error:
            raise CannotStart(f"{self.title} did not start: {error}.") from error
        try:
            async with asyncio.timeout(self.command.start_seconds):
                await self._until_ready()
        except TimeoutError:
            await self._kill()
            waited = f"it was not ready within {self.command.start_seconds:g} s"
            raise CannotStart(
                f"{self.title} did not start: {waited} (its log is {self.command.log})."
            ) from None
        except BaseException:
            await self._kill()
            raise

    async def keep(self) -> None:
        """For ever: wait for the process's death and start another, later each time it dies young."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            assert self._process is not None
            code = await self._process.wait()
            steady = asyncio.get_running_loop().time() - self._started > _STEADY_SECONDS
            pause = _FIRST_PAUSE_SECONDS if steady else pause
            self._say(f"{self.title} {_ended(code)}; it starts again in {pause:g} s.")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            try:
                await self.start()
            except CannotStart as error:
                self._say(str(error))
            else:
                self._say(f"{self.title} is back (process {self.pid}).")
                self._changed()

    async def stop(self, hurried: asyncio.Event) -> None:
        """Ask it to end and wait; when `hurried` or too slow, make it end."""
        if self._process is None or not self.alive:
            return
        self._signal(self.command.stop_signal)
        ended = asyncio.ensure_future(self._process.wait())
        hurry = asyncio.ensure_future(hurried.wait())
        await asyncio.wait(
            (ended, hurry), timeout=self.command.stop_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        hurry.cancel()
        if not ended.done():
            await self._kill()
        await ended

    async def _spawn(self) -> None:
        self._started = asyncio.get_running_loop().time()
        _turn_over(self.command.log)
        with self.command.log.open("ab") as log:
            self._log_offset = log.tell()
            self._process = await self._execute(log)

    async def _execute(self, log: IO[bytes]) -> asyncio.subprocess.Process:
        # A session of its own: Ctrl-C in the terminal is for us, who stop the children in order.
        return await asyncio.create_subprocess_exec(
            *self.command.argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=self.command.environment,
            pass_fds=self.command.inherited,
            start_new_session=True,
            preexec_fn=end_with_parent(self.command.orphan_signal),
        )

    async def _until_ready(self) -> None:
        assert self._process is not None
        while not await self.command.ready(self.pid):
            if self._process.returncode is not None:
                raise trouble.of_process(self.title, self._said(), self.command.log)
            await asyncio.sleep(_PROBE_PAUSE_SECONDS)

    def _said(self) -> str:
        with self.command.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_offset, size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace")

    async def _kill(self) -> None:
        assert self._process is not None
        ended = asyncio.ensure_future(self._process.wait())
        try:
            async with asyncio.timeout(_HURRY_SECONDS):
                while not ended.done():
                    # Again and again: the same signal twice, before the process looked, reaches it once.
                    self._signal(self.command.hurry_signal)
                    await asyncio.wait((ended,), timeout=_HURRY_AGAIN_SECONDS)
        except TimeoutError:
            self._signal(signal.SIGKILL)
        await ended

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        try:
            self._process.send_signal(number)
        except ProcessLookupError:
            return


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What a child runs before its program: the kernel then sends it `number` when we are gone."""
    parent = os.getpid()

    def inside() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # gone already, before the kernel knew of our wish
            os.kill(os.getpid(), signal.SIGKILL)

    return inside


def _turn_over(log: Path) -> None:
    """Begin a new log file where the old one has grown long; one old one is kept."""
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(log.with_suffix(".old.log"))


def _ended(code: int) -> str:
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
