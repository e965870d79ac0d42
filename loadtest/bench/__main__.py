"""`python -m loadtest.bench`: measures Roost and, where they are installed, its peers."""

from __future__ import annotations

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop

from loadtest.bench.run import FULL, QUICK, run
from loadtest.bench.servers import ROOST, peers, roost
from loadtest.bench.table import losses, page, table


def main(words: Sequence[str] | None = None) -> int:
    """Measure, show the table, write the page; the exit code."""
    options = _options(words)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    scale = QUICK if options.quick else FULL
    kinds = [roost(), *([] if options.alone else peers())]
    results = uvloop.run(run(kinds, scale, _say))
    print(table(results, scale))
    for each in losses(results):
        print(f"lost: {each}")
    if options.output is not None:
        options.output.write_text(page(results, scale, quick=options.quick))
    return 1 if any(each.startswith(ROOST) for each in losses(results)) else 0


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough look, in a few minutes")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument(
        "--output", type=Path, default=Path("docs/benchmarks.md"), help="the page to write (%(default)s)"
    )
    return parser.parse_args(words)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
