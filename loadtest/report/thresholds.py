"""When a run has failed."""

from __future__ import annotations

from typing import Any

from loadtest.delivery.ledger import MESSAGE, PRESENCE
from loadtest.report.outcome import Outcome
from loadtest.users.device import LOGIN, RECONNECT

_NAMES = {"message": MESSAGE, "presence": PRESENCE, "login": LOGIN, "reconnect": RECONNECT}


def set_any(options: Any) -> bool:
    """Whether the operator has named a threshold; else Locust's own rule decides."""
    names = [f"fail_p99_{what}" for what in _NAMES]
    return any(
        getattr(options, name) is not None for name in (*names, "fail_loss", "fail_twice", "fail_ratio")
    )


def broken(options: Any, outcome: Outcome) -> list[str]:
    """A sentence for each threshold that was passed; what was not measured has not held."""
    found = [_latency(outcome, what, getattr(options, f"fail_p99_{what}")) for what in _NAMES]
    found.append(_number("lost", outcome.lost, options.fail_loss))
    found.append(_number("delivered twice", outcome.twice, options.fail_twice))
    found.append(_ratio(outcome, options.fail_ratio))
    return [sentence for sentence in found if sentence]


def _latency(outcome: Outcome, what: str, most: float | None) -> str:
    if most is None:
        return ""
    row = outcome.row(_NAMES[what])
    if row is None or row.p99 is None:
        return f"No {what} was measured, so its 99th percentile cannot be {most:g} ms or less."
    if row.p99 > most:
        return f"The 99th percentile of {what} is {row.p99:g} ms; no more than {most:g} ms are allowed."
    return ""


def _number(what: str, count: int, most: int | None) -> str:
    if most is None or count <= most:
        return ""
    return f"{count} messages or presences were {what}; no more than {most} are allowed."


def _ratio(outcome: Outcome, most: float | None) -> str:
    if most is None:
        return ""
    if not outcome.requests:
        return "Nothing was measured, so no ratio of failures can be told."
    if outcome.fail_ratio > most:
        return f"{outcome.fail_ratio:.2%} of the requests failed; no more than {most:.2%} are allowed."
    return ""
