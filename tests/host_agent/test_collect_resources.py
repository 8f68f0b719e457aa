"""The resources section: what bounds memory, tasks and space."""

import pytest
from underpin_agent.collectors import resources
from underpin_agent.discovery import Found
from underpin_agent.processes import Process
from underpin_agent.reading import Denied

from tests.host_agent.hosts.building import ROOT_MOUNT, Machine, body

V1 = (
    ROOT_MOUNT,
    "31 22 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "32 22 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids",
)
V2 = (ROOT_MOUNT, "31 22 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
MEMINFO = "MemTotal: 10 kB\nSwapTotal: 2 kB\nHugePages_Total: 7\n"


@pytest.fixture
def machine(tmp_path):
    built = Machine(tmp_path).write("/proc/meminfo", MEMINFO).write("/proc/1/comm", "init")
    return built.write("/sys/fs/cgroup/cgroup.controllers", "memory pids")


def contained(machine, *cgroups):
    """A container whose leader is in these groups."""
    leader = Process(500)
    leader.cgroups = list(cgroups)
    machine.containers.append(Found("k", "id", "cgroup", [leader], leader=leader))
    return machine


def test_numbers_of_meminfo(machine):
    facts, _ = body(resources.collect, machine.context())
    assert facts["swap_total_bytes"] == 2048
    assert facts["hugepages_total"] == 7


def test_a_missing_meminfo_is_unknown_not_zero(machine):
    machine.at("/proc/meminfo").unlink()
    facts, unknowns = body(resources.collect, machine.context())
    assert "swap_total_bytes" not in facts
    assert unknowns["resources.swap_total_bytes"] == "not present on this host"


def test_a_store_on_its_own_device_is_separate(machine):
    machine.mounts(
        ROOT_MOUNT,
        "40 22 8:2 / /var/log rw - ext4 /dev/sdb rw",
        "41 22 8:1 /data /data rw - ext4 /dev/sda1 rw",
    )
    machine.process(50, "dockerd", ["dockerd", "--data-root", "/data/docker"])
    machine.write("/data/docker/x")
    facts, _ = body(resources.collect, machine.context())
    assert facts["filesystems"] == [
        {"mount": "/", "roles": ["root"], "separate": False},
        {"mount": "/data", "roles": ["runtime"], "separate": False},
        {"mount": "/var/log", "roles": ["log"], "separate": True},
    ]


def test_a_store_that_may_not_be_opened_is_a_store_all_the_same(machine, monkeypatch):
    machine.mounts(ROOT_MOUNT, "41 22 8:1 /data /data rw - ext4 /dev/sda1 rw")
    machine.process(50, "dockerd", ["dockerd", "--data-root", "/data/docker"])
    context = machine.context()

    def denied(path):
        raise Denied(path, "EACCES")

    monkeypatch.setattr(context.host, "exists", denied)
    assert resources.store_paths(context) == ["/data/docker"]


@pytest.mark.parametrize(("value", "limited"), [("max", False), ("1073741824", True)])
def test_a_limit_on_the_parent_of_the_containers_bounds_them(machine, value, limited):
    contained(machine.mounts(*V2), ((), "/kubepods/pod1/c1"))
    machine.write("/sys/fs/cgroup/kubepods/pod1/memory.max", "max")
    machine.write("/sys/fs/cgroup/kubepods/memory.max", value)
    facts, _ = body(resources.collect, machine.context())
    assert facts["slices"]["containers_limited"] is limited


@pytest.mark.parametrize(("value", "limited"), [("9223372036854771712", False), ("4096", True)])
def test_the_largest_number_of_v1_is_no_limit(machine, value, limited):
    contained(machine.mounts(*V1), (("cpu",), "/x/c1"), (("memory",), "/docker/c1"))
    machine.write("/sys/fs/cgroup/memory/docker/memory.limit_in_bytes", value)
    facts, unknowns = body(resources.collect, machine.context())
    assert facts["slices"]["containers_limited"] is limited
    assert "v2 only" in unknowns["resources.slices.system_protected"]


def test_without_containers_their_limit_is_unknown(machine):
    _, unknowns = body(resources.collect, machine.mounts(*V2).context())
    assert unknowns["resources.slices.containers_limited"] == "no container runs"


@pytest.mark.parametrize(("low", "protected"), [("0", False), ("1048576", True)])
def test_the_system_slice_is_protected_by_min_or_low(machine, low, protected):
    machine.mounts(*V2).write("/sys/fs/cgroup/system.slice/memory.min", "0")
    machine.write("/sys/fs/cgroup/system.slice/memory.low", low)
    facts, _ = body(resources.collect, machine.context())
    assert facts["slices"]["system_protected"] is protected


def test_every_user_slice_needs_its_limit(machine):
    machine.mounts(*V2).write("/sys/fs/cgroup/user.slice/user-1.slice/pids.max", "100")
    facts, _ = body(resources.collect, machine.context())
    assert facts["slices"]["user_tasks_limited"] is True
    machine.write("/sys/fs/cgroup/user.slice/user-2.slice/pids.max", "max")
    facts, _ = body(resources.collect, machine.context())
    assert facts["slices"]["user_tasks_limited"] is False


def test_under_systemd_without_a_session_the_user_limit_is_unknown(machine):
    machine.mounts(*V2).write("/proc/1/comm", "systemd")
    _, unknowns = body(resources.collect, machine.context())
    assert "resources.slices.user_tasks_limited" in unknowns


def test_the_pressure_killer_is_a_program_of_the_host(machine):
    assert body(resources.collect, machine.context())[0]["pressure_killer"] == "none"
    machine.process(60, "earlyoom")
    assert body(resources.collect, machine.context())[0]["pressure_killer"] == "earlyoom"


def test_a_killer_inside_a_container_does_not_count(machine):
    machine.process(60, "earlyoom")
    inside = machine.processes[-1]
    machine.containers.append(Found("k", "id", "cgroup", [inside], leader=inside))
    assert body(resources.collect, machine.context())[0]["pressure_killer"] == "none"
