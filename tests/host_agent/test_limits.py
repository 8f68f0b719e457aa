"""Limits of one container over the path of its control groups, version 1, 2 and hybrid."""

import json

import pytest
from underpin_agent.containers.control_groups import GroupTree, main_path
from underpin_agent.containers.view import cpu_list, parse_limits
from underpin_agent.mountinfo import parse
from underpin_agent.reading import Host

from tests.host_agent.tree import CONTAINER_ID, HOST_MOUNTS, LIMITS, V1_MOUNTS, V2_MOUNT

KEY = CONTAINER_ID[:12]
OWN = "/docker/" + CONTAINER_ID
V2_ROOT = "/sys/fs/cgroup"
UNLIMITED = "9223372036854771712\n"
V1_CGROUP = "".join(
    "%d:%s:%s\n" % (n, name, OWN)
    for n, name in enumerate(("memory", "cpu", "pids", "devices", "cpuset", "freezer", "blkio"), 1)
)


def v2(tree, own=None, parent=None):
    """A version 2 container; the files of its own and of the parent's group."""
    usual = {
        "memory.max": "max", "memory.low": "0", "memory.min": "0", "memory.swap.max": "max",
        "memory.oom.group": "0", "cpu.max": "max 100000", "cpu.weight": "100", "pids.max": "max",
        "io.max": "", "cpuset.cpus.effective": "0-3",
    }  # fmt: skip
    for name, text in {**usual, **(own or {})}.items():
        tree.write("%s%s/%s" % (V2_ROOT, OWN, name), text + "\n")
    for name, text in (parent or {}).items():
        tree.write("%s/docker/%s" % (V2_ROOT, name), text + "\n")
    tree.container(100)
    return tree.containers()[KEY]


def v1(tree, own=None, parent=None, stat=()):
    """A version 1 container."""
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS)
    usual = {
        "memory/memory.limit_in_bytes": UNLIMITED,
        "memory/memory.oom_control": "oom_kill_disable 0",
        "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000", "cpu/cpu.shares": "1024",
        "pids/pids.max": "max", "memory/notify_on_release": "0", "freezer/freezer.state": "THAWED",
    }  # fmt: skip
    for name, text in {**usual, **(own or {})}.items():
        folder, file = name.split("/")
        tree.write("/sys/fs/cgroup/%s%s/%s" % (folder, OWN, file), text)
    for name, text in (parent or {}).items():
        folder, file = name.split("/")
        tree.write("/sys/fs/cgroup/%s/docker/%s" % (folder, file), text)
    lines = "".join("%s %s\n" % row for row in stat)
    tree.write("/sys/fs/cgroup/memory%s/memory.stat" % OWN, lines)
    tree.container(100, cgroup=V1_CGROUP)
    return tree.containers()[KEY]


def test_a_container_without_limits(tree):
    found = v2(tree)["limits"]
    assert [found[name + "_limited"] for name in ("memory", "swap", "cpu", "pids")] == [False] * 4
    assert not {"memory_max_bytes", "swap_max_bytes", "cpu_cores", "pids_max"} & set(found)
    assert found["limited_by"] == {}


def test_the_limits_of_the_own_group(tree):
    own = {
        "memory.max": "1048576",
        "pids.max": "9",
        "cpu.max": "150000 100000",
        "memory.swap.max": "0",
    }
    found = v2(tree, own)["limits"]
    assert (found["memory_max_bytes"], found["pids_max"], found["cpu_cores"]) == (1048576, 9, 1.5)
    assert (found["swap_limited"], found["swap_max_bytes"]) == (True, 0)
    assert found["limited_by"] == dict.fromkeys(("memory", "swap", "cpu", "pids"), "self")


def test_a_parent_limits_although_the_own_file_says_unlimited(tree):
    """Trap 20."""
    found = v2(tree, parent={"memory.max": "4096", "pids.max": "5", "cpu.max": "50000 100000"})[
        "limits"
    ]
    assert (found["memory_max_bytes"], found["pids_max"], found["cpu_cores"]) == (4096, 5, 0.5)
    assert found["limited_by"] == {"memory": "/docker", "pids": "/docker", "cpu": "/docker"}


def test_version_1_uses_the_hierarchical_limit(tree):
    """Trap 20, version 1."""
    stat = [("hierarchical_memory_limit", 8192), ("hierarchical_memsw_limit", 12288)]
    found = v1(tree, parent={"memory/memory.limit_in_bytes": "8192"}, stat=stat)["limits"]
    assert (found["memory_max_bytes"], found["limited_by"]["memory"]) == (8192, "/docker")
    assert (found["swap_limited"], found["swap_max_bytes"]) == (True, 4096)


def test_memory_limited_and_swap_not(tree):
    stat = [("hierarchical_memory_limit", 8192), ("hierarchical_memsw_limit", int(UNLIMITED))]
    found = v1(tree, {"memory/memory.limit_in_bytes": "8192"}, stat=stat)["limits"]
    assert (found["memory_limited"], found["swap_limited"]) == (True, False)


def test_swap_is_unknown_when_it_is_not_counted(tree):
    found = v1(tree, stat=[("hierarchical_memory_limit", int(UNLIMITED))])
    assert "swap_limited" not in found["limits"]
    assert found["unknown"]["limits.swap_limited"] == "swap accounting is off"


def test_what_version_1_cannot_do_is_unknown(tree):
    found = v1(tree)
    assert "oom_group" not in found["limits"]
    assert "limits.oom_group" in found["unknown"]
    assert found["limits"]["memory_low_bytes"] == 0
    assert found["cgroup"]["version"] == 1


def test_a_disabled_killer_is_seen(tree):
    own = {"memory/memory.oom_control": "oom_kill_disable 1\nunder_oom 0\n"}
    assert v1(tree, own)["limits"]["oom_kill_disabled"] is True


def test_a_group_that_no_tree_shows_makes_limits_unknown(tree):
    tree.container(100)
    found = tree.containers()[KEY]
    assert {"limits.memory_limited", "limits.pids_limited"} <= set(found["unknown"])
    assert "memory_limited" not in found["limits"]


def test_weights_are_compared_with_siblings_and_never_converted(tree):
    """Trap 23."""
    for name in ("a", "b"):
        tree.write("%s/docker/%s/cpu.weight" % (V2_ROOT, name), "100\n")
    found = v2(tree, {"cpu.weight": "50"})["limits"]
    assert (found["cpu_weight_set"], found["cpu_weight_relative"]) == (True, 0.5)


def test_throttles_and_weights_of_block_devices(tree):
    found = v2(tree, {"io.max": "8:0 rbps=1 wbps=max", "io.weight": "default 50"})["limits"]
    assert (found["io_max_set"], found["io_weight_set"]) == (True, True)


def test_an_explicit_processor_set(tree):
    found = v2(tree, {"cpuset.cpus.effective": "2"})["limits"]
    assert (found["cpus_explicit"], found["cpus_single"]) == (True, True)
    assert v2_again(tree, "0-3")["limits"]["cpus_explicit"] is False


def v2_again(tree, cpus):
    tree.write("%s%s/cpuset.cpus.effective" % (V2_ROOT, OWN), cpus)
    return tree.containers()[KEY]


def test_a_huge_page_limit(tree):
    found = v2(tree, {"hugetlb.2MB.max": "0", "hugetlb.1GB.max": "max"})["limits"]
    assert found["hugetlb_set"] is True


@pytest.mark.parametrize(
    ("declared", "drift"),
    [({"memory": {"limit": 1048576}}, []), ({"memory": {"limit": 4096}}, ["memory_max_bytes"])],
)
def test_drift_between_declared_and_effective(tree, declared, drift):
    tree.shim(90)
    tree.write("/bundle/config.json", json.dumps({"linux": {"resources": declared}}))
    tree.write("%s%s/memory.max" % (V2_ROOT, OWN), "1048576")
    tree.write("%s%s/pids.max" % (V2_ROOT, OWN), "max")
    tree.write("%s%s/cpu.max" % (V2_ROOT, OWN), "max 100000")
    tree.container(100, shim=90)
    assert tree.containers()[KEY]["limits"]["drift"] == drift


def test_drift_is_unknown_without_declaration(tree):
    assert "limits.drift" in v2(tree)["unknown"]


def test_a_paused_container(tree):
    assert v2(tree, {"cgroup.events": "populated 1\nfrozen 1"})["state"] == "paused"


def test_a_paused_container_of_version_1(tree):
    assert v1(tree, {"freezer/freezer.state": "FROZEN"})["state"] == "paused"


def test_the_release_notice(tree):
    assert v1(tree, {"memory/notify_on_release": "1"})["cgroup"]["notify_on_release"] is True


# ---- groups -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "parent", "default"),
    [
        ("/docker/" + CONTAINER_ID, "/docker", True),
        ("/system.slice/docker-%s.scope" % CONTAINER_ID, "/system.slice", True),
        ("/machine.slice/libpod-%s.scope/container" % CONTAINER_ID, "/machine.slice", True),
        ("/custom/" + CONTAINER_ID, "/custom", False),
        (
            "/kubepods/burstable/pod01234567-89ab-cdef-0123-456789abcdef/" + CONTAINER_ID,
            "/kubepods/burstable/pod<uid>",
            True,
        ),
    ],
)
def test_the_parent_group(tree, path, parent, default):
    tree.container(100, cgroup=path)
    found = tree.containers()[KEY]["cgroup"]
    assert (found["parent"], found["parent_is_default"]) == (parent, default)


def test_hybrid_limits_lie_in_version_1(tree):
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS, V2_MOUNT.replace("cgroup rw", "cgroup/unified rw", 1))
    tree.write("/sys/fs/cgroup/memory%s/memory.limit_in_bytes" % OWN, "4096")
    tree.container(100, cgroup=V1_CGROUP + "0::%s\n" % OWN)
    found = tree.containers()[KEY]
    assert (found["cgroup"]["version"], found["limits"]["memory_max_bytes"]) == (1, 4096)


def test_a_path_above_the_agents_own_group_is_resolved_by_the_mounts_root(tree):
    """An agent in its own cgroup namespace sees paths that start with /../."""
    mounts = parse("30 24 0:28 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    groups = GroupTree(Host(str(tree.folder)), mounts)
    group = groups.find("memory", [((), "/../../docker/x")])
    assert group.levels[0] == ("/docker/x", "/sys/fs/cgroup/docker/x")


def test_a_path_that_climbs_further_is_not_followed(tree):
    mounts = parse("30 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    groups = GroupTree(Host(str(tree.folder)), mounts)
    assert groups.find("memory", [((), "/../../etc")]) is None


def test_the_main_path_is_that_of_memory():
    rows = [(("cpu",), "/a"), (("memory",), "/b"), ((), "/c")]
    assert main_path(rows) == "/b"
    assert main_path([((), "/"), (("name=systemd",), "/user.slice")]) == "/user.slice"
    assert main_path([]) == ""


# ---- small parsers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"), [("0-2,5", [0, 1, 2, 5]), ("", []), ("7", [7]), ("x,1-", [1])]
)
def test_processor_lists(text, expected):
    assert cpu_list(text) == expected


def test_process_limits():
    assert parse_limits(LIMITS)["Max open files"] == (1024, 524288)
    assert parse_limits(LIMITS)["Max core file size"] == (0, None)


def test_process_limits_of_a_container(tree):
    tree.write(
        "/proc/1/limits", LIMITS.replace("1000                 1000", "5000                 5000")
    )
    tree.container(100)
    assert tree.containers()[KEY]["rlimits"] == {
        "open_files_limited": True,
        "open_files_hard": 524288,
        "locked_memory_limited": True,
        "core_soft_bytes": 0,
        "processes_set": True,
    }
