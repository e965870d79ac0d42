import os
import resource
import time

import pytest
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from roost.runtime import process
from roost.runtime.process import Process


def told(collector) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return {line.split()[0]: float(line.split()[1]) for line in lines if not line.startswith("#")}


def test_it_tells_what_the_prometheus_client_would():
    ours, theirs = told(Process()), told(ProcessCollector(registry=None))
    assert ours.keys() == theirs.keys()
    for name in ("process_start_time_seconds", "process_max_fds"):
        assert ours[name] == theirs[name]
    assert ours["process_resident_memory_bytes"] == pytest.approx(
        theirs["process_resident_memory_bytes"], 0.2
    )
    assert abs(ours["process_cpu_seconds_total"] - time.process_time()) < 1
    assert ours["process_max_fds"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.mark.parametrize("kernel", ["of today", "before Linux 6.2"])
def test_open_files_are_counted(kernel, monkeypatch, tmp_path):
    if kernel == "before Linux 6.2":
        (tmp_path / "fd").symlink_to("/proc/self/task")  # a folder of the same kind, whose size is 0
        monkeypatch.setattr(process, "_SELF", tmp_path)
        assert process._open_files() == len(os.listdir("/proc/self/task"))
        return
    before = told(Process())["process_open_fds"]
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(100)]
    try:
        assert told(Process())["process_open_fds"] == before + 100
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_where_the_kernel_cannot_be_asked_nothing_is_told(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "_SELF", tmp_path)
    assert told(Process()) == {}
