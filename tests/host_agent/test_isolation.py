"""The daemon's collector: what is due is read, what fails costs only itself, and age is bounded."""

import json
import os
import signal
import time

import pytest
from underpin_agent import child, collection, isolation
from underpin_agent.collectors import COLLECTORS
from underpin_agent.containers import devices
from underpin_agent.index import build_index
from underpin_agent.isolation import Isolated
from underpin_agent.reading import Section
from underpin_agent.schedule import MAX_AGE_SECONDS

from tests.host_agent.tree import CONTAINER_ID, OTHER_ID

KEY, OTHER = CONTAINER_ID[:12], OTHER_ID[:12]


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def section(**facts):
    """A collector that finds these facts."""

    def collector(_context):
        found = Section()
        found.facts.update(facts)
        return found

    return collector


def crash(_context):
    os.kill(os.getpid(), signal.SIGKILL)


def replace_collectors(monkeypatch, **found):
    for name in list(COLLECTORS):
        monkeypatch.delitem(COLLECTORS, name)
    for name, collector in found.items():
        monkeypatch.setitem(COLLECTORS, name, collector)


def facts(index, name):
    """The facts of a section in an index."""
    return json.loads(index.bodies[index.sections[name]])["facts"]


def posture(index, key):
    """The posture body of a container in an index."""
    found = {row[0]: row[2] for row in index.containers}
    return json.loads(index.bodies[found[key]])


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def agent(tree, clock):
    return lambda: Isolated(str(tree.folder), clock=clock)


def test_the_first_index_holds_what_one_collection_finds(tree, agent):
    tree.container(100)
    whole = build_index(collection.collect(str(tree.folder)))
    index = agent().index()
    # Of two collections at other times, clocks and the like may differ.
    stable = [name for name in COLLECTORS if name not in ("accounts", "logging", "network")]
    assert {name: index.sections[name] for name in stable} == {
        name: whole.sections[name] for name in stable
    }
    assert index.containers == whole.containers
    assert set(whole.bodies) & set(index.bodies) >= {row[2] for row in whole.containers}


def test_a_collector_that_crashes_costs_its_section_only(monkeypatch, tree, agent):
    tree.container(100)
    replace_collectors(monkeypatch, host=section(a=1), kernel=crash, network=section(b=1))
    index = agent().index()
    assert facts(index, "host") == {"a": 1}
    assert facts(index, "network") == {"b": 1}
    assert "signal 9" in index.sections["kernel"]["err"]
    assert posture(index, KEY)["facts"]["capabilities"]


def test_a_collector_that_raises_costs_its_section_only(monkeypatch, tree):
    replace_collectors(monkeypatch, host=section(a=1), kernel=lambda _context: 1 / 0)
    found = collection.collect(str(tree.folder))
    assert found["sections"]["host"]["facts"] == {"a": 1}
    assert found["sections"]["kernel"]["error"].startswith("ZeroDivisionError")


def test_a_container_that_hangs_the_agent_hides_only_itself(monkeypatch, tree, agent):
    monkeypatch.setattr(child, "WALL_SECONDS", 1.0)
    replace_collectors(monkeypatch, host=section(a=1))
    tree.container(100)
    tree.container(200, container_id=OTHER_ID)
    real = devices.gather

    def hang(material):
        if material.found.id == OTHER_ID:
            time.sleep(60)
        real(material)

    monkeypatch.setattr(devices, "gather", hang)
    index = agent().index()
    assert posture(index, KEY)["facts"]["capabilities"]
    assert posture(index, OTHER)["facts"] == {}
    assert posture(index, OTHER)["unknowns"][0]["path"] == "containers[]"


def test_a_collector_that_failed_is_tried_again_and_heals(monkeypatch, tree, agent, clock):
    broken = tree.write("/broken")

    def moody(context):
        if broken.exists():
            crash(context)
        return section(a=1)(context)

    replace_collectors(monkeypatch, host=moody)
    one = agent()
    assert "signal 9" in one.index().sections["host"]["err"]
    broken.unlink()
    clock.now += 60
    assert facts(one.index(), "host") == {"a": 1}


def test_a_host_without_proc_gives_errors_and_no_facts(tmp_path):
    found = collection.collect(str(tmp_path))
    assert found["containers"] == []
    assert all(body["error"] == "ENOENT" for body in found["sections"].values())
    index = Isolated(str(tmp_path)).index()
    assert index.containers == []
    assert all(entry["err"] for entry in index.sections.values())


def test_a_container_is_seen_and_missed_within_one_cycle(tree, agent, clock):
    one = agent()
    assert one.index().containers == []
    tree.container(100)
    clock.now += 60
    assert [row[0] for row in one.index().containers] == [KEY]
    tree.remove(100)
    clock.now += 60
    assert one.index().containers == []


def test_a_changed_container_is_read_within_one_cycle(tree, agent, clock):
    tree.container(100)
    one = agent()
    one.index()
    tree.process(101, "sh", ppid=100, cgroup="/docker/" + CONTAINER_ID, uids=(7, 7, 7, 7))
    clock.now += 60
    assert posture(one.index(), KEY)["facts"]["ids"]["host_uids"] == [0, 7]


def test_a_changed_limit_is_read_within_one_cycle(tree, agent, clock):
    tree.container(100)
    limit = "/sys/fs/cgroup/docker/%s/pids.max" % CONTAINER_ID
    tree.write(limit, "max\n")
    one = agent()
    assert posture(one.index(), KEY)["facts"]["limits"]["pids_limited"] is False
    tree.write(limit, "77\n")
    clock.now += 60
    assert posture(one.index(), KEY)["facts"]["limits"]["pids_max"] == 77


def test_a_changed_setting_of_the_host_is_read_within_the_promised_age(tree, agent, clock):
    tree.container(100)
    tree.write("/proc/sys/kernel/dmesg_restrict", "0\n")
    one = agent()
    before = one.index().sections["kernel"]
    tree.write("/proc/sys/kernel/dmesg_restrict", "1\n")
    seen = None
    for cycle in range(1, 16):
        clock.now += 60
        if one.index().sections["kernel"] != before and seen is None:
            seen = cycle * 60
    assert seen is not None
    assert seen <= MAX_AGE_SECONDS


def test_refresh_reads_a_setting_at_once(tree, agent, clock):
    tree.write("/proc/sys/kernel/dmesg_restrict", "0\n")
    one = agent()
    before = one.index().sections["kernel"]
    tree.write("/proc/sys/kernel/dmesg_restrict", "1\n")
    one.refresh()
    clock.now += 60
    assert one.index().sections["kernel"] != before


def test_facts_that_nobody_can_confirm_become_unknown(monkeypatch, tree, agent, clock, capfd):
    tree.container(100)
    one = agent()
    good = one.index()

    def refuse():
        raise BlockingIOError(11, "no")

    monkeypatch.setattr(os, "fork", refuse)
    clock.now += 60
    assert one.index() == good
    assert "EAGAIN" in one.trouble
    assert capfd.readouterr().err.count("EAGAIN") == 1
    clock.now += MAX_AGE_SECONDS
    late = one.index()
    assert all("EAGAIN" in entry["err"] for entry in late.sections.values())
    assert posture(late, KEY)["facts"] == {}
    monkeypatch.undo()
    clock.now += 60
    healed = one.index()
    assert healed.containers == good.containers
    assert one.trouble == ""


def test_a_host_that_cannot_be_seen_is_not_looked_at_all_the_time(monkeypatch, tmp_path, clock):
    def work_in_vain(*_arguments):
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        raise ValueError

    monkeypatch.setattr(isolation, "Reader", work_in_vain)
    one = Isolated(str(tmp_path), clock=clock)
    for _ in range(30):
        assert "ValueError" in one.index().sections["host"]["err"]
        clock.now += 60
    assert 0.3 < one.cpu < 5


def test_a_stuck_collector_is_not_started_twice(monkeypatch, tree, agent, clock):
    started = tree.write("/started")

    def hang(_context):
        os.utime(started)
        time.sleep(60)

    monkeypatch.setattr(child, "WALL_SECONDS", 0.3)
    monkeypatch.setattr(child, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(child, "_kill_group", lambda _pid: None)
    replace_collectors(monkeypatch, host=hang, kernel=section(a=1))
    one = agent()
    index = one.index()
    try:
        assert "hangs in the kernel" in index.sections["host"]["err"]
        assert facts(index, "kernel") == {"a": 1}
        before = started.stat().st_mtime_ns
        for _ in range(3):
            clock.now += 4 * 3600
            later = one.index()
        assert started.stat().st_mtime_ns == before
        assert "hangs in the kernel" in later.sections["host"]["err"]
        assert facts(later, "kernel") == {"a": 1}
    finally:
        for pid in one._children.stuck:
            os.kill(pid, signal.SIGKILL)


def test_many_containers_take_several_children(monkeypatch, tree, agent):
    monkeypatch.setattr(isolation, "CHILD_SECONDS", 0.0)
    replace_collectors(monkeypatch, host=section(a=1), kernel=section(b=1))
    tree.container(100)
    index = agent().index()
    assert facts(index, "host") == {"a": 1}
    assert posture(index, KEY)["facts"]["capabilities"]
