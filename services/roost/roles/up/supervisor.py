"""Children in stages: started one stage after the other, kept alive, stopped in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from roost.roles.up.child import Child, Command, Say


class Supervisor:
    """All child processes of one `roost up`."""

    def __init__(self, say: Say, changed: Callable[[], None] = lambda: None) -> None:
        """`say` gets a line for people; `changed` is called when a new process replaced a dead one."""
        self._say = say
        self._changed = changed
        self._stages: list[Sequence[Child]] = []
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self, *commands: Command) -> Sequence[Child]:
        """Start one stage and wait until all of it is ready.

        Raises CannotStart; what was ready then is stopped by `stop` like all the rest.
        """
        children = [Child(command, self._say, self._changed) for command in commands]
        self._stages.append(children)
        tasks = [asyncio.create_task(self._begin(child)) for child in children]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return children

    async def stop(self, hurried: asyncio.Event) -> None:
        """Stop everything, the last stage first; `hurried` makes them end at once."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for stage in reversed(self._stages):
            alive = [child for child in stage if child.alive]
            for child in alive:
                self._say(f"Stopping {child.name}.")
            await asyncio.gather(*(child.stop(hurried) for child in alive))

    async def _begin(self, child: Child) -> None:
        await child.start()
        self._keepers.append(asyncio.create_task(child.keep(), name=f"keep {child.name}"))
