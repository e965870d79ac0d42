"""What all queries of a dashboard share: which series are meant, and over how long a rate goes.

Queries are written as PromQL with the words WHERE and RATE in it:
`sum by (outcome) (rate(roost_logins_total{WHERE}[RATE]))`.
"""

from __future__ import annotations

_WHERE = 'namespace=~"$namespace", job=~"$job", instance=~"$instance"'
"""Without Kubernetes no series has a `namespace`; the variable's value for all, `.*`, matches that too."""

_RATE = "$__rate_interval"


def query(text: str) -> str:
    """What Grafana is given for `text`."""
    return " ".join(text.split()).replace("WHERE", _WHERE).replace("RATE", _RATE)


def rate(counter: str, *matchers: str, by: str = "") -> str:
    """How often something happens, per second; a line for each value of the labels `by`."""
    return _sum(f"rate({_series(counter, matchers)}[RATE])", by)


def total(gauge: str, *matchers: str, by: str = "") -> str:
    """The sum of a gauge over all processes; a line for each value of the labels `by`."""
    return _sum(_series(gauge, matchers), by)


def quantile(share: float, histogram: str, *matchers: str, by: str = "") -> str:
    """The value that `share` (0 to 1) of what was measured does not exceed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{histogram}_bucket', *matchers, by=labels)})"


def mean(histogram: str, *matchers: str, by: str = "") -> str:
    """The mean of what was measured."""
    whole = rate(f"{histogram}_sum", *matchers, by=by)
    return f"{whole} / {rate(f'{histogram}_count', *matchers, by=by)}"


def _series(name: str, matchers: tuple[str, ...]) -> str:
    return f"{name}{{{', '.join((*matchers, 'WHERE'))}}}"


def _sum(what: str, by: str) -> str:
    return f"sum by ({by}) ({what})" if by else f"sum({what})"
