"""CPU time and memory of a server: of some processes and all their descendants."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What processes have used."""

    cpu: float
    """Seconds of CPU since their start, user and system."""
    memory: int
    """KiB now: each shared page counts once (PSS)."""

    def since(self, before: Cost, units: float) -> float:
        """Microseconds of CPU per unit of work since `before`."""
        return (self.cpu - before.cpu) / max(units, 1) * 1e6


def measure(pids: Iterable[int]) -> Cost:
    """The cost of the processes and all their descendants so far."""
    cpu, memory = 0.0, 0
    for pid in family(pids):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            cpu += (int(fields[11]) + int(fields[12])) / _TICK
            memory += _pss(pid)
        except (OSError, ValueError):
            continue  # it has ended
    return Cost(cpu, memory)


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def family(pids: Iterable[int]) -> set[int]:
    """The processes and all their descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(Path(f"/proc/{entry}/stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry))
    found: set[int] = set()
    left = list(pids)
    while left:
        pid = left.pop()
        if pid not in found:
            found.add(pid)
            left += children.get(pid, [])
    return found
