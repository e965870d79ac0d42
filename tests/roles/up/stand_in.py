"""A process that takes a role's place in the supervisor's tests: it says it is ready, and waits."""

import os
import sys

from roost.runtime import config, health, lifecycle
from roost.runtime.metrics import PRESENCE, Metrics

STAND_IN = os.environ.get("STAND_IN")


async def main() -> int:
    settings = config.load()
    stop = lifecycle.stop_on_signals()
    server = await health.serve(settings.metrics_host, settings.metrics_port, Metrics(PRESENCE).registry, {})
    print(f"{sys.argv[1]} runs", flush=True)
    async with server:
        await (stop.hurried if STAND_IN == "stubborn" else stop.asked).wait()
    print(f"{sys.argv[1]} ends", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(lifecycle.run(main()) if STAND_IN != "broken" else "the stand-in is broken")
