"""What a part of the server tells of itself now."""

from __future__ import annotations


def told(part, name):
    """The reading of one figure."""
    source = part.figures()[name]
    return source() if callable(source) else source
