"""Users that are connected and silent, held by processes of their own: one may have only so many sockets."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import uvloop

from loadtest.bench.client import Client, Target, many, part

_PER_PROCESS = 5000


@dataclass(frozen=True)
class Crowd:
    """Silent users; `part` with them in the end."""

    holders: Sequence[tuple[BaseProcess, Any]]

    async def lost(self) -> int:
        """How many have been cut off."""
        return sum(await asyncio.gather(*(_ask(pipe, "lost") for _, pipe in self.holders)))

    async def part(self) -> None:
        """Cut all connections."""
        await asyncio.gather(*(_ask(pipe, "part") for _, pipe in self.holders))
        for holder, _ in self.holders:
            holder.join()


async def gather(target: Target, users: int, *, first: int = 0) -> Crowd:
    """Have `users` log in and become available."""
    context = multiprocessing.get_context("spawn")
    holders = []
    for begin in range(first, first + users, _PER_PROCESS):
        ours, theirs = context.Pipe()
        count = min(_PER_PROCESS, first + users - begin)
        holder = context.Process(target=_hold, args=(target, begin, count, theirs), daemon=True)
        holder.start()
        theirs.close()
        holders.append((holder, ours))
    await asyncio.gather(*(_ask(pipe, None) for _, pipe in holders))
    return Crowd(holders)


async def _ask(pipe: Any, question: str | None) -> int:
    """Ask a holder; `None` waits until all its users are there."""
    if question is not None:
        pipe.send(question)
    answer = await asyncio.to_thread(pipe.recv)
    if isinstance(answer, str):
        raise ConnectionError(answer)
    return int(answer)


def _hold(target: Target, first: int, count: int, pipe: Connection[Any, Any]) -> None:
    uvloop.run(_held(target, first, count, pipe))


async def _held(target: Target, first: int, count: int, pipe: Connection[Any, Any]) -> None:
    try:
        clients = await many(target, count, Client.login, first=first)
    except (ConnectionError, OSError, TimeoutError) as error:
        pipe.send(f"a user could not come: {error!r}")
        return
    for client in clients:
        client.on_bytes = _ignore
    pipe.send(count)
    with suppress(EOFError, OSError):  # whoever asked is gone
        while await asyncio.to_thread(pipe.recv) == "lost":
            pipe.send(sum(client.lost for client in clients))
        part(clients)
        pipe.send(0)


def _ignore(_client: Client, _data: bytes) -> None:
    return
