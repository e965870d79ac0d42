"""Redis as the rest of `cluster` uses it: commands by key, scripts by name, sharded subscriptions.

One link per master. After a lost link: connect again, load the scripts, subscribe again in
batches, then tell those who must assume loss. A probe that goes through the publish path finds
a subscription that is connected and silent, as on a demoted master.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine
from typing import Any

import hiredis

from roost.cluster import keys
from roost.cluster.held import Held
from roost.cluster.keys import EPOCH
from roost.cluster.link import Done, Link, Load, Sent, answer_into
from roost.cluster.probe import round_trip
from roost.cluster.resp import Argument, bulk, pack
from roost.cluster.script import Script
from roost.cluster.together import Part, Together
from roost.cluster.topology import Address, Topology, one_each
from roost.core.ports import BusUnavailable
from roost.runtime.figures import Figures

OnPublication = Callable[[bytes], None]
OnReturn = Callable[[], Coroutine[Any, Any, None]]

_RETRY_FIRST = 0.05  # seconds
_RETRY_MOST = 0.5
_CALM = 5.0  # seconds without a repair after which the next one begins at once
_RESUBSCRIBE_BATCH = 500
# full, or unable to keep anything now; FULL is what our own scripts say
_REFUSING = ("OOM ", "MISCONF ", "NOREPLICAS ", "BUSY ", "FULL ")
_PASSING = ("MOVED ", "LOADING ", "CLUSTERDOWN ", "READONLY ", "NOSCRIPT ", "MASTERDOWN ", "TRYAGAIN ")


class RedisClient:
    """All masters of one installation."""

    def __init__(self, topology: Topology, *, timeout: float, probe_seconds: float) -> None:
        """`timeout` in seconds bounds connecting, an answer that is waited for, and being away."""
        self._topology = topology
        self._timeout = timeout
        self._probe_seconds = probe_seconds
        self._links: dict[Address, Link] = {}
        self._held = Held(timeout)
        self._held_keys = self._held.keys
        self._channels: dict[str, Link | None] = {}
        self._handlers: dict[bytes, OnPublication] = {}
        self._scripts: list[Script] = []
        self._returns: list[OnReturn] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._mending: asyncio.Task[None] | None = None
        self._mend_again = False
        self._mended = -_CALM
        self._pause = 0.0
        self._reload = False
        self._returned = False
        self._closed = False
        self._probes = keys.probe(secrets.token_hex(8))
        self._carried = Load()
        self._round_trip: float | None = None
        self.reconnects = 0

    # --- life ---

    async def open(self) -> None:
        """Connect to all masters; raises BusUnavailable."""
        failures = await self._connect()
        if failures:
            raise BusUnavailable(str(failures[0])) from failures[0]
        self._returned = False
        self._own(self._probe())

    async def close(self) -> None:
        """Close all connections."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in list(self._links.values()):
            link.close()
        self._held.fail()
        await self._topology.close()

    def script(self, name: str) -> Script:
        """The script of that name; ask before `open`, which loads all that were asked for."""
        for script in self._scripts:
            if script.name == name:
                return script
        script = Script(name)
        self._scripts.append(script)
        return script

    def on_return(self, handler: OnReturn) -> None:
        """Have `handler` awaited after each reconnection, when publications may have been lost."""
        self._returns.append(handler)

    @property
    def ordered(self) -> bool:
        """Whether one server carries everything, so that all publications have one order."""
        return len(self._topology.addresses()) == 1

    @property
    def connected(self) -> bool:
        """Whether all masters are connected."""
        return bool(self._links) and self._mending is None

    @property
    def trouble(self) -> str | None:
        """What is wrong, for those who ask whether this process is ready."""
        return None if self.connected else "no connection to Redis"

    def figures(self) -> Figures:
        """See runtime.figures."""
        return {
            "redis_up": lambda: int(self.connected),
            "redis_reconnects": lambda: self.reconnects,
            "redis_round_trip_seconds": lambda: self._round_trip,
            "redis_batch_commands": self._carried.batches,
            "drops": lambda: {**self._carried.drops, "redis-away": self._held.refused},
        }

    # --- commands ---

    def send(self, key: str, command: bytes, done: Done) -> None:
        """Send a packed command to the master of `key`; `done` hears the reply or an exception object.

        While that master is away the command is kept, for `timeout` seconds at the most.
        """
        link = self._links.get(self._topology.place(key))
        if link is None or key in self._held_keys:
            self._hold((done, key, command))
        else:
            link.send(command, done, key)

    async def call(self, key: str, *arguments: Argument) -> Any:
        """Send a command and wait for its reply; raises the error reply or BusUnavailable."""
        return await self._wait(key, pack(*arguments))

    async def run(self, script: Script, keys: list[str], *arguments: Argument) -> Any:
        """Run a script and wait for its reply; all keys lie in one slot."""
        head = script.head(len(arguments), len(keys))
        return await self._wait(keys[0], head + b"".join(map(bulk, [*keys, *arguments])))

    async def gather(self, commands: list[tuple[str, bytes]]) -> list[Any]:
        """Many packed commands with their keys in one round trip; raises BusUnavailable or an error reply."""
        if not commands:
            return []
        together = Together(len(commands))
        for at, (key, command) in enumerate(commands):
            self.send(key, command, Part(together, at))
        await self._bounded(together.complete)
        for reply in together.replies:
            if isinstance(reply, Exception):
                raise reply
        return together.replies

    async def answered(self) -> None:
        """Wait for the replies to all that was sent until now; raises BusUnavailable."""
        await self.gather([(key, pack("PING")) for key in self.one_each(EPOCH)])

    async def _wait(self, key: str, command: bytes) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.send(key, command, answer_into(future))
        reply = await self._bounded(future)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def _bounded(self, future: asyncio.Future[Any]) -> Any:
        # not asyncio.timeout, which costs as much as all the rest of a command
        overdue = asyncio.get_running_loop().call_later(self._timeout, self._give_up, future)
        try:
            return await future
        finally:
            overdue.cancel()

    def _give_up(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            future.set_exception(BusUnavailable(f"no answer from Redis within {self._timeout} s"))

    # --- subscriptions ---

    def subscribe(self, channel: str, handler: OnPublication) -> None:
        """Hear what is published on a sharded channel; commands sent after this run with it in force."""
        self._handlers[channel.encode()] = handler
        link = self._links.get(self._topology.place(channel))
        if link is not None and self._channels.get(channel) is not link:
            link.subscribe(channel.encode(), self._refused)
        self._channels[channel] = link

    def unsubscribe(self, channel: str) -> None:
        """Hear it no longer."""
        self._handlers.pop(channel.encode(), None)
        link = self._channels.pop(channel, None)
        if link is not None:
            link.unsubscribe(channel.encode())

    def _publication(self, push: list[Any]) -> None:
        if push[0] == b"smessage":
            handler = self._handlers.get(push[1])
            if handler is not None:
                handler(push[2])
        else:
            self._refused(push[1], None)  # the channel's slot moved away

    def _refused(self, channel: bytes, _error: Exception | None) -> None:
        if channel in self._handlers:
            self._channels[channel.decode()] = None
            self._mend()

    # --- answers that mean more than they say ---

    def _error(self, sent: Sent, error: Exception) -> bool:
        """Deal with an error reply that is the installation's own: moved, failing over, loading."""
        text = str(error)
        if not sent[1]:
            return False  # not for a key, but for one server: whoever asked knows best
        if text.startswith(_REFUSING):
            self._carried.drops["shard-full" if text.startswith("FULL ") else "redis-refused"] += 1
            sent[0](BusUnavailable(f"Redis refuses: {text}"))
            return True
        if text.startswith("ASK "):
            return self._ask(sent, text)
        if not text.startswith(_PASSING):
            return False
        self._reload |= text.startswith("NOSCRIPT ")
        self._hold(sent, returned=True)
        return True

    def _ask(self, sent: Sent, text: str) -> bool:
        host, _, port = text.split()[2].rpartition(":")
        link = self._links.get(Address(host, int(port)))
        if link is None:
            self._hold(sent, returned=True)
        else:
            link.send(pack("ASKING"), lambda _reply: None)
            link.send(sent[2], sent[0], sent[1])
        return True

    def _hold(self, sent: Sent, *, returned: bool = False) -> None:
        if self._closed:
            sent[0](BusUnavailable("Redis is closed"))
            return
        self._held.keep(sent, returned=returned)
        self._mend()

    # --- mending ---

    def _lost(self, link: Link, _error: Exception | None) -> None:
        for address in [address for address, one in self._links.items() if one is link]:
            del self._links[address]
            self._mend()

    def _mend(self) -> None:
        """Look at the installation again, soon; asked for meanwhile, once more after that."""
        self._mend_again = True
        if self._mending is None and not self._closed:
            self._mending = self._own(self._reconnect())

    async def _reconnect(self) -> None:
        if time.monotonic() - self._mended > _CALM:
            self._pause = 0.0
        try:
            while not await self._attempt():
                self._go_on()
        finally:
            self._mending = None
            self._mended = time.monotonic()
        self._go_on()

    async def _attempt(self) -> bool:
        """One look at the installation, after a pause that grows: a failover takes seconds."""
        await asyncio.sleep(self._pause)
        self._pause = min(_RETRY_MOST, max(_RETRY_FIRST, self._pause * 2))
        self._mend_again = False
        try:
            failures = await self._connect()
        except BusUnavailable:
            return False
        return not failures and not self._mend_again

    def _go_on(self) -> None:
        """Send what waited; where something was connected anew, tell those who must assume loss."""
        for done, key, command in self._held.release():
            self.send(key, command, done)
        if self._returned:
            self._returned = False
            self.reconnects += 1
            for handler in self._returns:
                self._own(handler())

    # --- connecting ---

    async def _connect(self) -> list[BaseException]:
        """Connect what is not; why some of it could not be. Raises BusUnavailable."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._connect_all()
        except TimeoutError as error:
            raise BusUnavailable(f"no connection to Redis within {self._timeout} s") from error

    async def _connect_all(self) -> list[BaseException]:
        await self._topology.refresh()
        wanted = self._topology.addresses()
        for address in set(self._links).difference(wanted):
            self._links.pop(address).close()
        if self._reload:
            self._reload = False
            await asyncio.gather(*map(self._load, self._links.values()))
        fresh = [address for address in wanted if address not in self._links]
        outcomes = await asyncio.gather(*map(self._dial, fresh), return_exceptions=True)
        await self._resubscribe()
        return [outcome for outcome in outcomes if outcome is not None]

    async def _dial(self, address: Address) -> None:
        try:
            link = await self._reach(address)
        except OSError as error:
            raise BusUnavailable(
                f"Redis at {address} cannot be reached: {error.strerror or error}"
            ) from error
        access = self._topology.access
        login = ("AUTH", access.username or "default", access.password) if access.password else ()
        try:
            await link.call("HELLO", 3, *login)
            await self._load(link)
        except hiredis.ReplyError as error:
            link.close()
            raise BusUnavailable(f"Redis at {address} says: {error}") from error
        except BaseException:
            link.close()
            raise
        if link.lost:
            raise BusUnavailable(f"Redis at {address} went away")
        self._links[address] = link
        self._returned = True

    async def _reach(self, address: Address) -> Link:
        loop = asyncio.get_running_loop()

        def make() -> Link:
            return Link(self._publication, self._error, self._lost, self._carried)

        if address.path:
            _transport, link = await loop.create_unix_connection(make, address.path)
            return link
        tls = self._topology.access.context()
        _transport, link = await loop.create_connection(make, address.host, address.port, ssl=tls)
        return link

    async def _load(self, link: Link) -> None:
        await asyncio.gather(*(link.call("SCRIPT", "LOAD", script.source) for script in self._scripts))

    async def _resubscribe(self) -> None:
        """Subscribe to what is not where it should be."""
        count = 0
        for channel in list(self._channels):
            link = self._links.get(self._topology.place(channel))
            if link is None or self._channels.get(channel, link) is link:
                continue
            link.subscribe(channel.encode(), self._refused)
            self._channels[channel] = link
            self._returned = True
            count += 1
            if count % _RESUBSCRIBE_BATCH == 0:
                await asyncio.sleep(0)

    # --- the probe ---

    def one_each(self, prefix: str) -> list[str]:
        """A key `prefix:{N}` on each master; the same ones for everybody while no slots move."""
        return list(one_each(self._topology, prefix).values())

    async def _probe(self) -> None:
        """Ask every master for a sign of life; a link without one is dialled again."""
        while True:
            await asyncio.sleep(self._probe_seconds)
            if await self._topology.moved():
                self._mend()
            channels = one_each(self._topology, self._probes)
            links = [(self._links.get(address), channel) for address, channel in channels.items()]
            took = await asyncio.gather(*(self._probe_one(link, channel) for link, channel in links))
            self._round_trip = max((one for one in took if one is not None), default=None)

    async def _probe_one(self, link: Link | None, channel: str) -> float | None:
        if link is None:
            self._mend()
            return None
        took = await round_trip(link, channel, self, self._timeout)
        if took is None:
            link.close()
        return took

    def _own(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
