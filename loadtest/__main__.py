"""`python -m loadtest`: a cluster on this machine, Locust against it, a table and a picture.

Options that are not listed here go to Locust, such as --fail-p99-message 500; see docs/load-testing.md.
"""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtest.bench.servers import roost
from loadtest.report import folder as folders
from loadtest.report import picture
from loadtest.report.table import table
from loadtest.run import Run


def main(words: Sequence[str] | None = None) -> int:
    """Run it; Locust's exit code."""
    options, further = _options(words)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = folders.folder(options.results)
    _say("starting a cluster")
    server = roost(options.pods).start()
    try:
        run = Run(server, folder, options.users, options.seconds, options.scenario, options.workers)
        _say("making accounts and rosters")
        run.prepare([*_paced(options), *further])
        code = run.run([*_paced(options), "--register", "no", *further], _say)
    finally:
        server.stop()
    if not (folder / folders.OUTCOME).exists():
        _say((folder / folders.LOG).read_text())
        return code or 1
    print(table(folders.read_outcome(folder), run.costs()))
    for path in (folder / folders.PICTURE, options.picture):
        if path is not None:
            picture.draw(folder / folders.TIMELINE, path, run.title())
    print(f"\nMore in {folder}: report.html, picture.png, CSV.")
    for sentence in run.complaints():
        print(sentence)
    return code


def _options(words: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m loadtest", description=__doc__)
    parser.add_argument("--users", type=int, default=200, help="(%(default)s)")
    parser.add_argument("--seconds", type=int, default=60, help="of what is measured (%(default)s)")
    parser.add_argument("--scenario", default="mix", help="(%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes that have users (%(default)s)")
    parser.add_argument("--pods", type=int, default=2, help="connection managers (%(default)s)")
    parser.add_argument("--spawn-rate", type=float, help="new users a second (all within 10 seconds)")
    parser.add_argument("--think", type=float, default=2, help="see Locust's --help (%(default)s)")
    parser.add_argument("--contacts", type=int, default=10, help="see Locust's --help (%(default)s)")
    parser.add_argument("--results", help="folder for what is found (loadtest/results/<time>)")
    parser.add_argument("--picture", type=Path, help="draw the picture there too")
    return parser.parse_known_args(words)


def _paced(options: argparse.Namespace) -> list[str]:
    rate = options.spawn_rate or max(options.users / 10, 1)
    return ["--spawn-rate", f"{rate:g}", "--think", f"{options.think:g}", "--contacts", str(options.contacts)]


def _say(line: str, end: str = "\n") -> None:
    print(line, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
