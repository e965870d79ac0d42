"""Limits that hold for the whole cluster."""

from __future__ import annotations

from roost.cluster import keys
from roost.cluster.client import RedisClient
from roost.cluster.resp import pack


class Rates:
    """See core.ports.RateLimit: counters in Redis, whose window begins with its first event."""

    def __init__(self, client: RedisClient) -> None:
        """Uses `client` for everything."""
        self._client = client
        self._take = client.script("take")

    async def take(self, name: str, limit: int, seconds: int) -> bool:
        """See core.ports.RateLimit."""
        return int(await self._client.run(self._take, [keys.rate(name)], seconds)) <= limit

    async def allowed(self, *limits: tuple[str, int]) -> bool:
        """See core.ports.RateLimit."""
        asked = [(key, pack("GET", key)) for key in (keys.rate(name) for name, _limit in limits)]
        counts = await self._client.gather(asked)
        return all(int(count or 0) < limit for count, (_name, limit) in zip(counts, limits, strict=True))
