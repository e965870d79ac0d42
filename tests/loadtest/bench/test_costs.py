import subprocess
import sys

import pytest
from loadtest.bench.costs import Cost, family, measure

# a parent whose only child works for 0.3 s of CPU time, says so, and stays
BUSY = """
import os, sys, time
child = os.fork()
while not child and time.process_time() < 0.3:
    pass
if not child:
    print(os.getpid(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def busy():
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        yield process
        process.stdin.close()


def test_a_process_is_measured_with_its_descendants(busy):
    child = int(busy.stdout.readline())
    assert family([busy.pid]) == {busy.pid, child}
    assert measure([busy.pid]).cpu >= measure([child]).cpu > 0.25
    assert measure([busy.pid]).memory > measure([child]).memory > 100


def test_a_process_that_has_ended_costs_nothing():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert measure([ended.pid]) == Cost(0.0, 0)


def test_cost_is_told_per_unit():
    assert Cost(3.0, 0).since(Cost(2.0, 0), 1000) == 1000.0
    assert Cost(2.0, 0).since(Cost(2.0, 0), 0) == 0.0
