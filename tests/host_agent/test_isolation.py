"""Collecting in children: whatever a collector does, it costs its own section only."""

import mmap
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from underpin_agent import collection, isolation
from underpin_agent.collectors import COLLECTORS
from underpin_agent.containers import devices
from underpin_agent.isolation import ChildFailed, Isolated
from underpin_agent.reading import Section

from tests.host_agent.tree import CONTAINER_ID, OTHER_ID


def test_a_result_comes_back():
    assert Isolated().run(lambda: {"a": [1, "ä"]}) == {"a": [1, "ä"]}


def test_the_parent_is_untouched():
    Isolated().run(lambda: os.environ.update(UNDERPIN_TEST="x") or sys.path.clear() or 1)
    assert "UNDERPIN_TEST" not in os.environ
    assert sys.path


def fail():
    message = "boom"
    raise ValueError(message)


@pytest.mark.parametrize(
    ("work", "reason"),
    [
        (fail, "status 1"),
        (lambda: os._exit(7), "status 7"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "signal 9"),
        (lambda: "x" * 10**9, "status 1"),
    ],
)
def test_how_a_child_ended_is_told(work, reason, capfd):
    with pytest.raises(ChildFailed, match=reason):
        Isolated().run(work)
    capfd.readouterr()


def test_a_child_that_hangs_is_killed(monkeypatch):
    monkeypatch.setattr(isolation, "WALL_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(ChildFailed, match="no result in"):
        Isolated().run(lambda: time.sleep(60))
    assert time.monotonic() - start < 3


def test_a_result_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(isolation, "MAX_RESULT_BYTES", 1000)
    with pytest.raises(ChildFailed):
        Isolated().run(lambda: "x" * 5000)


def test_children_run_with_low_priority_and_limits():
    found = Isolated().run(lambda: [os.nice(0), Path("/proc/self/limits").read_text()])
    assert found[0] >= os.nice(0) + isolation.NICE or found[0] == 19
    assert "Max address space         unlimited" not in found[1]


def mapped_and_threads():
    """A thread starts although the process is larger than what it may grow by."""
    done = []
    thread = threading.Thread(target=done.append, args=(1,))
    thread.start()
    thread.join()
    return done


def test_a_large_parent_leaves_its_children_room_for_threads():
    with mmap.mmap(-1, 2 * isolation.GROWTH_BYTES):
        start = time.monotonic()
        assert Isolated().run(mapped_and_threads) == [1]
        assert time.monotonic() - start < 5


def test_two_stuck_children_are_enough():
    one = Isolated()
    children = []
    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        children.append(pid)
    one._stuck = list(children)
    try:
        with pytest.raises(ChildFailed, match="hang in the kernel"):
            one.run(lambda: 1)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            assert one.run(lambda: 2) == 2
            return
        except ChildFailed:
            time.sleep(0.01)
    pytest.fail("the agent never recovered")


def good(_context):
    section = Section()
    section.facts["a"] = 1
    return section


def replace_collectors(monkeypatch, **found):
    for name in list(COLLECTORS):
        monkeypatch.delitem(COLLECTORS, name)
    for name, collector in found.items():
        monkeypatch.setitem(COLLECTORS, name, collector)


def test_a_collector_that_crashes_costs_its_section_only(monkeypatch, tree, capfd):
    tree.container(100)
    crash = lambda _context: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    replace_collectors(monkeypatch, host=good, kernel=crash)
    found = Isolated(str(tree.folder)).collect()
    assert found["sections"]["host"]["facts"] == {"a": 1}
    assert "signal 9" in found["sections"]["kernel"]["error"]
    assert len(found["containers"]) == 1


def test_a_collector_that_raises_costs_its_section_only(monkeypatch, tree):
    replace_collectors(monkeypatch, host=good, kernel=lambda _context: 1 / 0)
    found = collection.collect(str(tree.folder))
    assert found["sections"]["host"]["facts"] == {"a": 1}
    assert found["sections"]["kernel"]["error"].startswith("ZeroDivisionError")


def test_a_container_that_hangs_the_agent_hides_only_itself(monkeypatch, tree):
    monkeypatch.setattr(isolation, "WALL_SECONDS", 1.0)
    replace_collectors(monkeypatch, host=good)
    tree.container(100)
    tree.container(200, container_id=OTHER_ID)
    real = devices.gather

    def hang(material):
        if material.found.id == OTHER_ID:
            time.sleep(60)
        real(material)

    monkeypatch.setattr(devices, "gather", hang)
    found = {row["key"]: row for row in Isolated(str(tree.folder)).collect()["containers"]}
    assert found[CONTAINER_ID[:12]]["posture"]["facts"]["capabilities"]
    assert found[OTHER_ID[:12]]["posture"]["facts"] == {}
    assert found[OTHER_ID[:12]]["posture"]["unknowns"][0]["path"] == "containers[]"


def test_a_host_without_proc_gives_errors_and_no_facts(tmp_path):
    found = collection.collect(str(tmp_path))
    assert found["containers"] == []
    assert all(body["error"] == "ENOENT" for body in found["sections"].values())
