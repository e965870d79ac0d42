"""What all processes of a service should hear at once, and may forget: a channel without a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.resp import pack


class News:
    """Names (of accounts, say) told to all processes that listen, this one included."""

    def __init__(self, client: RedisClient, service: str) -> None:
        """`service` names the channel."""
        self._client = client
        self._channel = keys.news(service)

    def listen(self, on_names: Callable[[list[str]], None], on_doubt: Callable[[], None]) -> None:
        """`on_doubt` hears that something may have been missed."""
        self._client.subscribe(self._channel, lambda data: on_names(_names(data)))

        async def returned() -> None:
            on_doubt()

        self._client.on_return(returned)

    def tell(self, names: Iterable[str]) -> None:
        """Tell everyone; in order with all else that is sent to the same server."""
        command = pack("SPUBLISH", self._channel, "\n".join(names))
        self._client.send(self._channel, command, _ignore)


def _names(data: bytes) -> list[str]:
    """A line a name; what a newer release adds behind a tab is ignored."""
    return [line.partition("\t")[0] for line in data.decode().split("\n")]


def _ignore(_reply: Any) -> None:
    pass
