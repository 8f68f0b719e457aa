"""Reading containers and the host: one normal form for every kind of control groups."""

import pytest
from underpin_agent.mountinfo import read_host_mounts
from underpin_agent.reading import Host
from underpin_agent.sampling import counters, groups, machine, threads
from underpin_agent.sampling.files import Files

from tests.host_agent import group_tree
from tests.host_agent.tree import CONTAINER_ID, OTHER_ID

PARENT = "/system.slice"


def v1(tree):
    group_tree.mount_v1(tree)
    group_tree.split(tree, PARENT)


def hybrid(tree):
    group_tree.mount_hybrid(tree)
    inner = group_tree.split(tree, PARENT)
    group_tree.pressures(tree, "/sys/fs/cgroup/unified" + inner)


def v2(tree):
    group_tree.mount_v2(tree)
    group_tree.unified(tree, PARENT)


def read(tree):
    files = Files(str(tree.folder))
    (group,) = groups.scan(files, groups.find_trees(Host(str(tree.folder))), {}).values()
    groups.read_limits(files, group)
    return group, counters.read_container(files, group)


@pytest.mark.parametrize(
    ("build", "pressure"), [(v1, {}), (hybrid, group_tree.PRESSURE), (v2, group_tree.PRESSURE)]
)
def test_all_versions_give_one_normal_form_but_pressure_on_version_1(tree, build, pressure):
    build(tree)
    group, reading = read(tree)
    assert group.key == CONTAINER_ID[:12]
    assert reading.counters == {**group_tree.NORMAL, **pressure}
    assert reading.gauges == group_tree.GAUGES


def test_the_limit_of_a_parent_group_holds(tree):
    v2(tree)
    tree.write("/sys/fs/cgroup/system.slice/memory.max", "50331648\n")
    tree.write("/sys/fs/cgroup/system.slice/pids.max", "12\n")
    _group, reading = read(tree)
    assert reading.gauges["memory_ratio"] == round((33_554_432 - 4_096_000) / 50_331_648, 4)
    assert reading.gauges["pids_peak_ratio"] == 0.5


def test_without_a_limit_there_is_no_ratio(tree):
    v2(tree)
    for name in ("memory.max", "pids.max"):
        tree.write("/sys/fs/cgroup%s/docker-%s.scope/%s" % (PARENT, CONTAINER_ID, name), "max\n")
    _group, reading = read(tree)
    assert not {"memory_ratio", "dirty_ratio", "pids_peak_ratio"} & reading.gauges.keys()


def test_version_1_counts_kills_of_groups_below(tree):
    v1(tree)
    below = "/sys/fs/cgroup/memory%s/docker-%s.scope/inner" % (PARENT, CONTAINER_ID)
    tree.write(below + "/memory.oom_control", "oom_kill_disable 0\noom_kill 3\n")
    assert read(tree)[1].counters["oom_kills"] == 5


def test_what_an_old_kernel_lacks_stays_out(tree):
    group_tree.mount_v2(tree)
    folder = "/sys/fs/cgroup%s/docker-%s.scope" % (PARENT, CONTAINER_ID)
    tree.write(folder + "/cpu.stat", "usage_usec 12\n")
    _group, reading = read(tree)
    assert reading.counters == {"cpu_usage_us": 12}
    assert reading.gauges == {}


def test_containers_are_found_below_any_parent_and_monitors_are_none(tree):
    group_tree.mount_v2(tree)
    base = "/sys/fs/cgroup"
    pod = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice"
    tree.write("%s%s/cri-containerd-%s.scope/cpu.stat" % (base, pod, CONTAINER_ID))
    tree.write("%s/machine.slice/libpod-%s.scope/container/cpu.stat" % (base, OTHER_ID))
    monitor = "e" * 64
    tree.write("%s/machine.slice/libpod-conmon-%s.scope/cpu.stat" % (base, monitor))
    found = groups.scan(Files(str(tree.folder)), groups.find_trees(Host(str(tree.folder))), {})
    assert {key: one.path for key, one in found.items()} == {
        CONTAINER_ID[:12]: "%s/cri-containerd-%s.scope" % (pod, CONTAINER_ID),
        OTHER_ID[:12]: "/machine.slice/libpod-%s.scope" % OTHER_ID,
    }


def test_a_machine_without_an_id_is_known_by_its_mount_namespace(tree):
    group_tree.mount_v2(tree)
    tree.process(70, "init", namespaces={"mnt": 4026532999})
    tree.write("/sys/fs/cgroup/lxc.payload.web/init.scope/cgroup.procs", "70\n")
    found = groups.scan(Files(str(tree.folder)), groups.find_trees(Host(str(tree.folder))), {})
    assert list(found) == ["ns-4026532999"]


def test_the_host_is_read(tree):
    tree.write("/proc/pressure/cpu", "some avg10=0.00 total=500\nfull avg10=0.00 total=0\n")
    tree.write("/proc/stat", "cpu  10 0 5 100 7 0 1 3 0 0\nctxt 900\nbtime 1\nprocesses 44\n")
    tree.write(
        "/proc/vmstat",
        "nr_dirty 30\nnr_writeback 10\nnr_dirty_threshold 80\nallocstall_dma 1\n"
        "allocstall_normal 2\ndrop_pagecache 1\ndrop_slab 2\nballoon_inflate 9\n",
    )
    tree.write("/proc/meminfo", "MemTotal: 100 kB\nMemAvailable: 60 kB\n")
    tree.write("/proc/loadavg", "0.1 0.1 0.1 2/50 999\n")
    tree.write("/proc/sys/kernel/pid_max", "200\n")
    tree.write("/proc/sys/kernel/threads-max", "100\n")
    tree.write("/proc/sys/fs/file-nr", "25\t0\t100\n")
    reading = counters.Reading()
    machine.read_machine(Files(str(tree.folder)), reading)
    assert reading.counters == {
        "pressure.cpu_some": 500,
        "cpu_total_us": 1_260_000,
        "cpu_idle_us": 1_070_000,
        "cpu_steal_us": 30_000,
        "context_switches": 900,
        "forks": 44,
        "allocstalls": 3,
        "drop_caches": 3,
        "balloon_inflated_pages": 9,
    }
    assert reading.gauges == {
        "dirty.ratio": 0.5,
        "memory.available_bytes": 61_440,
        "threads_ratio": 0.5,
        "file_handles_ratio": 0.25,
    }


def test_zones_below_their_low_mark_are_counted(tree):
    zone = "Node 0, zone %s\n  pages free     %d\n        min      10\n        low      %d\n"
    tree.write("/proc/zoneinfo", zone % ("DMA", 5, 12) + zone % ("Normal", 50, 12))
    reading = counters.Reading()
    machine.read_slow(Files(str(tree.folder)), groups.Trees({}, ""), reading)
    assert reading.gauges["zones_below_low"] == 1


def test_switches_of_threads_seen_once_count_whole_and_lower_the_coverage():
    before = {1: (10, 20, 1, 1_000, 5_000), 2: (9, 9, 9, 9, 9)}
    after = {1: (30, 24, 3, 4_001_000, 6_005_000), 3: (2, 2, 0, 0, 0)}
    gauges, coverage = threads.compare(before, after, 2.0, throttled_us=2_000)
    assert gauges == {
        "voluntary_switches": 11.0,
        "involuntary_switches": 3.0,
        "migrations": 1.0,
        "cpu_wait_ratio": 0.5,  # 6 ms waited less 2 ms throttled, 4 ms run
    }
    assert coverage == pytest.approx(1 / 3)


def test_a_thread_number_given_to_another_thread_is_a_new_thread():
    gauges, coverage = threads.compare({1: (10, 0, 0, 0, 0)}, {1: (4, 0, 0, 0, 0)}, 1.0, 0)
    assert gauges["voluntary_switches"] == 4.0
    assert coverage == 0.0


def test_each_local_mount_is_measured_also_two_of_one_device(tree):
    tree.mounts(
        1,
        "22 1 8:1 / / rw - overlay overlay rw",
        "23 22 8:1 /docker /var/lib/docker rw - ext4 /dev/sda1 rw",
        "24 22 8:1 /log /var/log rw - ext4 /dev/sda1 rw",
        "25 22 0:50 / /var/lib/docker/overlay2/a/merged rw - overlay overlay rw",
        "26 22 0:51 / /mnt/share rw - nfs4 server:/x rw",
    )
    for folder in ("var/lib/docker", "var/log", "mnt/share"):
        (tree.folder / folder).mkdir(parents=True, exist_ok=True)
    mounts = read_host_mounts(Host(str(tree.folder)))
    found = machine.filesystems(Files(str(tree.folder)), mounts)
    assert sorted(found) == ["/", "/var/lib/docker", "/var/log"]
