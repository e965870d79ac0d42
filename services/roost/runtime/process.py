"""What the kernel says of this process, under the names that all Prometheus clients use for it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SELF = Path("/proc/self")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = resource.getpagesize()


class Process(Collector):
    """In place of prometheus_client's ProcessCollector, which lists all descriptors to count them.

    Every connection is one, so that each look would hold up the clients for longer, the more there are.
    """

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client. Nothing where there is no /proc, or no descriptor left to look with."""
        try:
            return list(_told())
        except OSError:
            return ()


def _told() -> Iterator[Metric]:
    # proc_pid_stat(5), counted from behind the name, in which there may be anything
    said = (_SELF / "stat").read_text().rpartition(")")[2].split()
    yield CounterMetricFamily(
        "process_cpu_seconds",
        "Total user and system CPU time spent in seconds.",
        value=(int(said[11]) + int(said[12])) / _TICKS,
    )
    most, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    started = _boot_time() + int(said[19]) / _TICKS
    for name, means, value in (
        ("virtual_memory_bytes", "Virtual memory size in bytes.", int(said[20])),
        ("resident_memory_bytes", "Resident memory size in bytes.", int(said[21]) * _PAGE),
        ("start_time_seconds", "Start time of the process since unix epoch in seconds.", started),
        ("open_fds", "Number of open file descriptors.", _open_files()),
        ("max_fds", "Maximum number of open file descriptors.", most),
    ):
        yield GaugeMetricFamily(f"process_{name}", means, value=value)


@cache
def _boot_time() -> int:
    lines = Path("/proc/stat").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("btime "))


def _open_files() -> int:
    folder = _SELF / "fd"
    # Linux 6.2 and newer tell the number as the folder's size; older ones say 0
    return folder.stat().st_size or len(os.listdir(folder))
