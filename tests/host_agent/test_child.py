"""One forked child: its messages, its limits, and every way in which it may end."""

import contextlib
import mmap
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from underpin_agent import child
from underpin_agent.child import ChildFailed, Children


def results(work, children=None):
    """What ``work()`` returned in a child, as a message."""
    run = (children or Children()).run(lambda send: send({"value": work()}))
    return [value["value"] for value, _blob in run]


def test_messages_come_back_in_their_order():
    def work(send):
        send({"a": [1, "ä"]})
        send({"b": 2}, b"\0\n" * 100_000)

    found = list(Children().run(work))
    assert found == [({"a": [1, "ä"]}, b""), ({"b": 2}, b"\0\n" * 100_000)]


def test_what_was_sent_before_the_end_is_kept():
    def work(send):
        send({"a": 1})
        os.kill(os.getpid(), signal.SIGKILL)

    run = Children().run(work)
    assert next(run) == ({"a": 1}, b"")
    with pytest.raises(ChildFailed, match="signal 9"):
        next(run)


def test_the_parent_is_untouched():
    results(lambda: os.environ.update(UNDERPIN_TEST="x") or sys.path.clear() or 1)
    assert "UNDERPIN_TEST" not in os.environ
    assert sys.path


def fail():
    message = "boom"
    raise ValueError(message)


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (fail, "ValueError"),
        (lambda: os._exit(7), "status 7"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "signal 15"),
        (lambda: "x" * 10**9, "MemoryError"),
    ],
)
def test_how_a_child_ended_is_told(work, reason):
    with pytest.raises(ChildFailed, match=reason):
        results(work)


def test_the_text_of_a_failure_stays_on_the_host():
    with pytest.raises(ChildFailed) as failure:
        results(fail)
    assert "boom" not in str(failure.value)


def test_a_child_that_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(child, "WALL_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(ChildFailed, match="no result in"):
        results(lambda: time.sleep(60))
    assert time.monotonic() - start < 3


def test_a_child_that_ignores_all_signals_is_killed(monkeypatch):
    monkeypatch.setattr(child, "WALL_SECONDS", 0.3)

    def deaf():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(60)

    with pytest.raises(ChildFailed, match="no result in"):
        results(deaf)


def test_a_result_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(child, "MAX_RESULT_BYTES", 1000)
    with pytest.raises(ChildFailed, match="too long"):
        results(lambda: "x" * 5000)


def test_what_a_child_prints_goes_nowhere(capfd):
    def loud():
        for _ in range(100):
            os.write(1, b"x" * 1_000_000)
        os.write(2, b"secret")
        return 1

    assert results(loud) == [1]
    assert capfd.readouterr() == ("", "")


def test_a_child_cannot_write_files(tmp_path):
    with pytest.raises(ChildFailed, match=r"OSError|signal 25"):
        results(lambda: (tmp_path / "a").write_text("x"))


def test_what_a_child_forked_ends_with_it():
    note = os.pipe()

    def work(send):
        if os.fork() == 0:
            os.write(note[1], b"%d" % os.getpid())
            time.sleep(60)
            os._exit(0)
        send({"a": 1})

    assert len(list(Children().run(work))) == 1
    pid = int(os.read(note[0], 20))
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and alive(pid):
        time.sleep(0.01)
    assert not alive(pid)


def alive(pid):
    """False for a process that has ended, also when nobody waited for it yet."""
    try:
        return Path("/proc/%d/stat" % pid).read_text().split()[2] not in "ZX"
    except OSError:
        return False


def test_children_run_with_low_priority_and_limits():
    found = results(lambda: [os.nice(0), Path("/proc/self/limits").read_text()])[0]
    assert found[0] >= os.nice(0) + child.NICE or found[0] == 19
    assert "Max address space         unlimited" not in found[1]


def test_a_child_that_loops_is_ended_by_its_cpu_limit(monkeypatch):
    monkeypatch.setattr(child, "CPU_SECONDS", 1)

    def loop():
        while True:
            pass

    children = Children()
    with pytest.raises(ChildFailed, match=r"signal (9|24)"):
        results(loop, children)
    assert 0.9 < children.cpu < 3


def mapped_and_threads():
    """A thread starts although the process is larger than what it may grow by."""
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    return done


def test_a_large_parent_leaves_its_children_room_for_threads():
    with mmap.mmap(-1, 2 * child.GROWTH_BYTES):
        start = time.monotonic()
        assert results(mapped_and_threads) == [[1]]
        assert time.monotonic() - start < 5


def test_no_room_for_a_child_is_told(monkeypatch):
    def refuse():
        raise BlockingIOError(11, "no")

    monkeypatch.setattr(os, "fork", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(ChildFailed, match="could be started: EAGAIN"):
        results(lambda: 1)
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_stopping_the_agent_ends_the_child():
    run = Children().run(lambda send: (send({"pid": os.getpid()}), time.sleep(60)))
    pid = next(run)[0]["pid"]
    run.close()
    assert not alive(pid)


@pytest.fixture
def hanging(monkeypatch):
    """Children that no signal reaches, as in a dead mount: killing does nothing."""
    pids = []
    monkeypatch.setattr(child, "WALL_SECONDS", 0.1)
    monkeypatch.setattr(child, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(child, "_kill_group", pids.append)
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_two_stuck_children_are_enough(hanging):
    children = Children()
    for _ in range(2):
        with pytest.raises(child.Stuck):
            results(lambda: time.sleep(60), children)
    with pytest.raises(ChildFailed, match="two collectors hang"):
        results(lambda: 1, children)
    assert len(children.stuck) == 2
    os.kill(children.stuck[0], signal.SIGKILL)
    deadline = time.monotonic() + 5
    while len(children.recheck()) > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert results(lambda: 2, children) == [2]


def test_the_cpu_of_children_is_counted():
    children = Children()
    results(lambda: [n * n for n in range(300_000)] and 1, children)
    spent = children.cpu
    assert spent > 0
    with pytest.raises(ChildFailed):
        results(lambda: [n * n for n in range(300_000)] and fail(), children)
    assert children.cpu > spent
