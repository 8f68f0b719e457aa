"""Faults of the design (agent protocol, section 6, rows 4 and 5): each costs its own part only."""

import json
import os
import re
import signal
import time

import pytest
from underpin_agent import child, processes
from underpin_agent.collection import Reader
from underpin_agent.collectors import COLLECTORS
from underpin_agent.containers import seccomp
from underpin_agent.discovery import MAX_CONTAINERS
from underpin_agent.isolation import Isolated
from underpin_agent.processes import MAX_PROCESSES, read_processes
from underpin_agent.reading import Host, Section

from tests.host_agent.tree import CONTAINER_ID, OTHER_ID

KEY, OTHER = CONTAINER_ID[:12], OTHER_ID[:12]
MANY_PROCESSES, MANY_CONTAINERS, MANY_MOUNTS = 30_000, 5_000, 1_000_000


def fine(_context):
    section = Section()
    section.facts["a"] = 1
    return section


def throw(_context):
    raise KeyError("password=hunter2")  # noqa: EM101 what must not come out


def loop(_context):
    while True:
        pass


def allocate(_context):
    return bytearray(1 << 30)


def print_much(_context):
    for _ in range(100):
        os.write(1, b"x" * 1_000_000)
        os.write(2, b"y" * 1_000_000)
    return fine(_context)


def fork_away(_context):
    if os.fork() == 0:
        time.sleep(60)
    os._exit(3)


def be_deaf(_context):
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


def return_much(_context):
    section = Section()
    section.facts["noise"] = [os.urandom(1000).hex() for _ in range(5000)]
    return section


FAULTS = {
    "throws": (throw, "KeyError"),
    "loops": (loop, "signal|no result in"),
    "allocates a gigabyte": (allocate, "MemoryError"),
    "forks and goes": (fork_away, "no result in|status 3"),
    "ignores signals": (be_deaf, "no result in"),
    "returns too much": (return_much, "too long"),
}


HANGING = ("loops", "forks and goes", "ignores signals")


def only(monkeypatch, **collectors):
    for name in list(COLLECTORS):
        monkeypatch.delitem(COLLECTORS, name)
    for name, collector in collectors.items():
        monkeypatch.setitem(COLLECTORS, name, collector)


def facts(index, name):
    return json.loads(index.bodies[index.sections[name]])["facts"]


# ---- row 4: collectors that misbehave ---------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_a_collector_that(name, monkeypatch, tree):
    collector, reason = FAULTS[name]
    monkeypatch.setattr(child, "CPU_SECONDS", 2)
    if name in HANGING:
        monkeypatch.setattr(child, "WALL_SECONDS", 1.5)
    tree.container(100)
    only(monkeypatch, agent=fine, host=collector, kernel=fine)
    start = time.monotonic()
    index = Isolated(str(tree.folder)).index()
    assert time.monotonic() - start < 20
    assert re.search(reason, index.sections["host"]["err"])
    assert "hunter2" not in index.sections["host"]["err"]
    assert facts(index, "agent") == facts(index, "kernel") == {"a": 1}
    assert [row[0] for row in index.containers] == [KEY]
    assert json.loads(index.bodies[index.containers[0][2]])["facts"]["capabilities"]


def test_a_collector_that_prints_much_prints_nothing(monkeypatch, tree, capfd):
    only(monkeypatch, host=print_much)
    index = Isolated(str(tree.folder)).index()
    assert facts(index, "host") == {"a": 1}
    assert capfd.readouterr() == ("", "")


def test_at_most_two_collectors_hang_and_the_others_go_on(monkeypatch, tree):
    def hang(_context):
        time.sleep(60)

    killed = []
    monkeypatch.setattr(child, "WALL_SECONDS", 0.3)
    monkeypatch.setattr(child, "KILL_SECONDS", 0.1)
    monkeypatch.setattr(child, "_kill_group", killed.append)  # nothing reaches the kernel's sleep
    only(monkeypatch, agent=fine, host=hang, kernel=hang, network=hang, platform=fine)
    now = [1000.0]
    one = Isolated(str(tree.folder), clock=lambda: now[0])
    try:
        index = one.index()
        assert len(one.stuck) == 2
        errors = {name: entry for name, entry in index.sections.items() if "err" in entry}
        assert {"host", "kernel", "network"} <= set(errors)
        assert facts(index, "agent") == {"a": 1}
        assert one.trouble
    finally:
        for pid in one.stuck:
            os.kill(pid, signal.SIGKILL)
    monkeypatch.undo()
    only(monkeypatch, agent=fine, host=fine, kernel=fine, network=fine, platform=fine)
    deadline = time.monotonic() + 5
    while one.stuck and time.monotonic() < deadline:
        one._children.recheck()
    now[0] += 600.0
    assert all(isinstance(entry, str) for entry in one.index().sections.values())


# ---- row 5: hosts that are too much -----------------------------------------------------------


def test_a_process_that_ends_while_it_is_read_is_left_out(monkeypatch, tree):
    tree.process(50, "short")
    tree.process(51, "long")
    real = processes.parse_stat

    def ending(process, text):
        real(process, text)
        if process.pid == 50:
            tree.remove(50)

    monkeypatch.setattr(processes, "parse_stat", ending)
    table = read_processes(Host(str(tree.folder)))
    assert table.get(50) is None
    assert table.get(51).comm == "long"


def test_a_container_that_ends_while_it_is_read_stops_nothing(monkeypatch, tree):
    tree.container(100)
    tree.container(200, container_id=OTHER_ID)
    real = seccomp.gather

    def ending(material):
        if material.found.id == CONTAINER_ID:
            tree.remove(100)
        real(material)

    monkeypatch.setattr(seccomp, "gather", ending)
    index = Isolated(str(tree.folder)).index()
    bodies = {row[0]: json.loads(index.bodies[row[2]]) for row in index.containers}
    assert set(bodies) == {KEY, OTHER}
    assert bodies[KEY]["unknowns"]
    assert bodies[OTHER]["facts"]["limits"]


def many_links(tree, first, count, target):
    """Entries of /proc that all show one process."""
    for pid in range(first, first + count):
        (tree.folder / "proc" / str(pid)).symlink_to(str(target))


@pytest.mark.slow
def test_thirty_thousand_processes_take_bounded_time_and_are_said_to_be_cut(tree):
    tree.process(100, "app")
    many_links(tree, 10_000, MANY_PROCESSES, 100)
    start = time.process_time()
    reader = Reader(str(tree.folder))
    assert time.process_time() - start < 15
    assert len(reader.context.processes) == MAX_PROCESSES
    assert reader.context.processes.truncated
    unknowns = reader.read("section", "host")["unknowns"]
    assert {"path": "containers", "reason": "truncated"} in unknowns
    (usb,) = [
        one
        for one in reader.read("section", "periphery")["unknowns"]
        if one["path"] == "periphery.usb.guard_running"
    ]
    assert usb["reason"] == "truncated"


def test_five_thousand_containers_are_cut_and_said_to_be(tree):
    reader = Reader(str(tree.folder))
    found = reader.context.discovery
    tree.container(100)
    (one,) = Reader(str(tree.folder)).context.discovery.containers
    for number in range(MANY_CONTAINERS):
        copy = type(one)("%012x" % number, "%064x" % number, "cgroup", one.processes)
        copy.leader = one.leader
        found.containers.append(copy)
    start = time.process_time()
    marks = reader.marks()
    assert time.process_time() - start < 5
    assert len(marks) == MAX_CONTAINERS
    unknowns = reader.read("section", "host")["unknowns"]
    assert {"path": "containers", "reason": "truncated"} in unknowns


MOUNT = "%d 22 8:1 /data/%d /mnt/%d rw,relatime shared:1 - ext4 /dev/sda1 rw"


@pytest.mark.parametrize("pid", [1, 100], ids=["host", "container"])
def test_a_million_mounts_take_bounded_time_and_are_said_to_be_cut(tree, pid):
    tree.container(100)
    lines = [MOUNT % (n, n, n) for n in range(1000, 1000 + MANY_MOUNTS // 1000)]
    place = tree.folder / "proc" / str(pid) / "mountinfo"
    first = place.read_text()
    place.write_text(first + ("\n".join(lines) + "\n") * 1000)
    start = time.process_time()
    reader = Reader(str(tree.folder))
    row = reader.read("container", KEY)
    resources = reader.read("section", "resources")
    assert time.process_time() - start < 10
    if pid == 1:
        assert {"path": "resources.filesystems", "reason": "truncated"} in resources["unknowns"]
    else:
        unknowns = row["posture"]["unknowns"]
        assert {"path": "containers[].mounts", "reason": "truncated"} in unknowns


def test_hostile_names_neither_break_nor_forge_lines(tree):
    root = tree.container(100, comm="a) R 1 1 (\n0::/docker/" + OTHER_ID)
    tree.write("/proc/100/cmdline", b"\xff\n\0x\0")
    hostile = os.fsdecode(b"na\xffme\nnew")
    (root / "dev").mkdir()
    (root / "dev" / hostile).mkdir()
    tree.write("/etc/hostname", b"ho\xffst\n\x1b[2J\n")
    index = Isolated(str(tree.folder)).index()
    assert [row[0] for row in index.containers] == [KEY]
    for name, entry in index.sections.items():
        assert isinstance(entry, str), (name, entry)
    for digest in index.bodies:
        index.bodies[digest].encode("utf-8")


TRAPS = {
    "etc/passwd": "/etc/shadow",
    "dev/shm": "/",
    "proc": "/proc",
    "root/.ssh": "../../../../../../../../root/.ssh",
    "loop": "loop",
}


def test_links_in_a_container_never_lead_out(tree):
    root = tree.container(100)
    tree.write("/etc/shadow", "root:SECRET:1:\n")
    tree.write("/root/.ssh/authorized_keys", "ssh-rsa SECRET\n")
    for inside, target in TRAPS.items():
        (root / inside).parent.mkdir(parents=True, exist_ok=True)
        (root / inside).symlink_to(target)
    door = Host(str(tree.folder)).inside(100)
    for path in ("/etc/passwd", "/root/.ssh/authorized_keys", "/proc/1/status", "/loop"):
        with pytest.raises(Exception, match=r"ENOENT|ELOOP"):
            door.read(path)
    index = Isolated(str(tree.folder)).index()
    (row,) = index.containers
    assert "SECRET" not in index.bodies[row[1]] + index.bodies[row[2]]
