"""`roost up` with stand-ins for the roles: `stand_in_up.py DATA DESCRIBE OPTION=VALUE…`."""

import asyncio
import os
import sys
from pathlib import Path

from roost.roles.migrate import migrate
from roost.roles.up import folder, run
from roost.roles.up.plan import DEFAULTS, Plan
from roost.runtime import config


def main() -> int:
    data, describe, *options = sys.argv[1:]
    if os.environ.get("STAND_IN") == "tight":
        folder._NEEDED_BYTES = 0
    settings = config.load(dict(each.split("=") for each in options), None, DEFAULTS)
    stand_in = (sys.executable, str(Path(__file__).with_name("stand_in.py")))
    return asyncio.run(run(Plan(settings, Path(data), 2, None, Path(describe), stand_in), migrate))


if __name__ == "__main__":
    sys.exit(main())
