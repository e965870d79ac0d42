"""The presence role as a process. How it refuses to start is tested with the connection manager."""

from __future__ import annotations

from role_settings import settings
from roost.roles.presence import PresenceProcess
from roost.runtime.lifecycle import Stop


def test_presence_gives_its_shards_back(valkey, database_url, run):
    async def play():
        valkey.admin().flushall()
        process = PresenceProcess(settings(valkey.url, database_url, heartbeat_seconds=0.2, lease_seconds=5))
        await process.open()
        await process._service._round()
        assert len(process._service.owned) == 16
        stop = Stop()
        stop.ask()
        assert await process.serve(stop) == 0
        assert {valkey.admin().hget(f"o1:{{presence:{number}}}", "until") for number in range(16)} == {"0"}

    run(play())
