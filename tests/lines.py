"""Log lines as a test sees them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from structlog.testing import capture_logs


@contextmanager
def captured() -> Iterator[list[Any]]:
    """The lines of all levels that are logged meanwhile, whatever level others have left behind."""
    before = logging.root.level
    logging.root.setLevel(logging.DEBUG)
    try:
        with capture_logs() as lines:
            yield lines
    finally:
        logging.root.setLevel(before)
