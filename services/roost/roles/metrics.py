"""`roost metrics`: what a process on this machine tells, and what all of it means."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from roost.runtime.config import Settings
from roost.runtime.metrics import FAMILIES, Family

_SECONDS = 5
_LOOPBACK = "127.0.0.1"
_ANY = ("0.0.0.0", "::")  # noqa: S104 - addresses that mean all of a machine's

_HEAD = """\
# Metrics

<!-- Written by `roost metrics --reference`; do not edit. -->

Every connection manager and presence process tells its own at `http://<metrics_host>:<metrics_port>/metrics`,
in Prometheus' text format; `roost metrics` shows those of the process on this machine. All begin with
`roost_` but for `process_*`, `python_info` and `python_gc_*`, which are called as all Prometheus clients for
Python call them: CPU time, memory, open files, garbage collection.

* Labels have few values; no label names an account, an address or a session.
* A counter (`_total`) only goes up, and begins anew when its process does: look at `rate()` of it.
* A histogram has `_bucket`, `_sum` and `_count`: look at `histogram_quantile()` over `rate()` of its buckets.
* Times between two processes are taken by the clocks of both machines, so these must be kept in step; what
  seems to arrive before it was sent counts as 0.
* Nothing is said where a process cannot know: the registry's size while Redis is away, say.

The same port answers `/live` (200 while the event loop turns) and `/ready` (200 when all is well, else 503;
a line for each check: `redis`, `database`, `listeners` of a connection manager, `drain`).
"""


def reference() -> str:
    """What every metric means, as Markdown."""
    return _HEAD + "\n" + "\n".join(_page()) + "\n"


def told(settings: Settings) -> str:
    """What the process that these settings are of tells now; raises OSError when it does not answer."""
    host = _LOOPBACK if settings.metrics_host in _ANY else settings.metrics_host
    connection = http.client.HTTPConnection(host, settings.metrics_port, timeout=_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except http.client.HTTPException as error:
        raise OSError(f"port {settings.metrics_port} is not one of Roost's: {error!r}") from error
    finally:
        connection.close()


def _page() -> Iterator[str]:
    yield "| Metric | Type | Labels | What it means | Told by |"
    yield "| --- | --- | --- | --- | --- |"
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{family.full_name}` | {family.type} | {labels} | {family.means} | {_roles(family)} |"
    for family in FAMILIES:
        if family.values:
            yield from _values(family)


def _values(family: Family) -> Iterator[str]:
    """The values of a label, where they are known from the start."""
    yield f"\n## `{family.labels[0]}` of `{family.full_name}`\n"
    if all(family.values.values()):
        yield from (f"* `{value}`: {meaning}" for value, meaning in family.values.items())
    else:
        yield ", ".join(f"`{value}`" for value in family.values) + "."


def _roles(family: Family) -> str:
    return ", ".join(family.roles)
