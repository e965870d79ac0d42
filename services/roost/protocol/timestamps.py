"""Dates and times as XMPP writes them (XEP-0082)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def format_timestamp(moment: datetime) -> str:
    """A time with its zone as `CCYY-MM-DDThh:mm:ss.sssZ` (XEP-0082 section 3.2)."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def parse_timestamp(text: str) -> datetime:
    """The inverse, for any zone and any part of a second; raises ValueError."""
    if _FORM.fullmatch(text) is None:
        raise ValueError("not a DateTime of XEP-0082")  # ISO 8601 knows more forms than section 3.2 allows
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:  # the first and last day of the calendar, in another zone
        raise ValueError(str(error)) from None
