"""The parent's memory: a process that grows too large begins anew and forgets nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from underpin_agent import memory
from underpin_agent.isolation import Isolated
from underpin_agent.loop import Loop, Settings
from underpin_agent.memory import MAX_RESIDENT_BYTES, Guard

PROGRAM = Path(memory.__file__).parent.parent


def test_one_large_cycle_is_no_reason():
    sizes = iter([MAX_RESIDENT_BYTES + 1, MAX_RESIDENT_BYTES, MAX_RESIDENT_BYTES + 1])
    guard = Guard(lambda: next(sizes))
    assert [guard.is_over() for _ in range(3)] == [False, False, False]


def test_two_in_a_row_are():
    guard = Guard(lambda: MAX_RESIDENT_BYTES + 1)
    assert [guard.is_over(), guard.is_over()] == [False, True]


def test_memory_is_what_the_kernel_says():
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    assert memory.resident_bytes() == pytest.approx(int(line.split()[1]) * 1024, rel=0.1)


def test_the_same_command_begins_anew_in_the_same_process():
    code = (
        "import os, sys; sys.path.insert(0, %r); from underpin_agent import memory;"
        "again = memory.STUCK in os.environ;"
        "print(os.getpid(), sys.argv[1:], memory.stuck_before(), flush=True);"
        "again or memory.Guard().begin_anew((41, 42))"
    ) % str(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, "run", "--name=a b"],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = done.stdout.splitlines()
    assert first.split()[0] == second.split()[0]
    assert first.endswith("['run', '--name=a b'] []")
    assert second.endswith("['run', '--name=a b'] [41, 42]")


def test_stuck_children_are_still_counted_afterwards(monkeypatch):
    pid = os.fork()
    if pid == 0:
        signal.pause()
    monkeypatch.setenv(memory.STUCK, str(pid))
    try:
        assert Isolated().stuck == (pid,)
        assert memory.STUCK not in os.environ
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


class Collector:
    """Something with children that hang."""

    stuck = (7,)


def test_the_loop_begins_anew_between_two_cycles(monkeypatch, state, host):
    begun = []
    guard = Guard(lambda: MAX_RESIDENT_BYTES + 1, lambda *call: begun.append(call))
    cycles = []
    monkeypatch.setenv(memory.STUCK, "")
    loop = Loop(
        Settings("https://underpin.example"),
        client=None,
        state=state,
        host=host,
        collector=Collector(),
        sleep=lambda _seconds: None,
    )
    monkeypatch.setattr(loop, "cycle", lambda: cycles.append(1) or 1.0)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    loop.guard = guard
    loop.run()
    assert len(cycles) == 1
    assert begun[0][0] == sys.executable
    assert os.environ[memory.STUCK] == "7"
