"""Control group trees in files: the same container as version 1, hybrid and version 2 show it.

The texts were recorded from a real container (Linux 6.18, docker, 64 MiB, 0.2 CPUs, 20 processes)
and then given telling numbers.
"""

from tests.host_agent.tree import CONTAINER_ID, HOST_MOUNTS, V2_MOUNT

V1_NAMES = ("cpu", "cpuacct", "memory", "pids", "blkio", "freezer")
V1_MOUNTS = tuple(
    "%d 24 0:%d / /sys/fs/cgroup/%s rw - cgroup cgroup rw,%s" % (31 + n, 31 + n, name, name)
    for n, name in enumerate(V1_NAMES)
)
UNIFIED = "50 24 0:50 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
STALL = "some avg10=0.10 avg60=0.00 avg300=0.00 total=%d\nfull avg10=0.00 total=%d\n"
V1_STAT = """cache 4096
dirty 0
hierarchical_memory_limit 67108864
hierarchical_memsw_limit 134217728
total_cache 8192000
total_rss 20480000
total_dirty 409600
total_inactive_file 4096000
total_workingset_refault_anon 3
total_workingset_refault_file 4
"""
V2_STAT = """anon 20480000
file 8192000
file_dirty 409600
inactive_file 4096000
workingset_refault_anon 3
workingset_refault_file 4
"""
NORMAL = {
    "cpu_usage_us": 834_553,
    "cpu_periods": 42,
    "cpu_throttled_periods": 40,
    "cpu_throttled_us": 3_128_890,
    "oom_kills": 2,
    "refaults": 7,
    "pids_limit_hits": 5,
    "io_read_bytes": 3_000,
    "io_write_bytes": 700,
}
PRESSURE = {
    "pressure.cpu_some": 1_000_000,
    "pressure.memory_some": 2_000,
    "pressure.memory_full": 1_000,
    "pressure.io_full": 30,
}
GAUGES = {
    "memory_current_bytes": 33_554_432,
    "memory_peak_bytes": 50_331_648,
    "memory_anon_bytes": 20_480_000,
    "memory_file_bytes": 8_192_000,
    "memory_dirty_bytes": 409_600,
    "memory_inactive_file_bytes": 4_096_000,
    "memory_ratio": round((33_554_432 - 4_096_000) / 67_108_864, 4),
    "dirty_ratio": round(409_600 / 67_108_864, 4),
    "pids_current": 1,
    "pids_peak": 6,
    "pids_peak_ratio": 0.3,
}


def unified(tree, path, number=CONTAINER_ID, top="/sys/fs/cgroup"):
    """The container in a version 2 tree; ``path`` is its parent."""
    folder = "%s%s/docker-%s.scope" % (top, path, number)
    write = {
        "cpu.stat": "usage_usec 834553\nuser_usec 1\nnr_periods 42\nnr_throttled 40\n"
        "throttled_usec 3128890\n",
        "memory.current": "33554432\n",
        "memory.peak": "50331648\n",
        "memory.max": "67108864\n",
        "memory.stat": V2_STAT,
        "memory.events": "low 0\nhigh 0\nmax 1\noom 1\noom_kill 2\n",
        "pids.current": "1\n",
        "pids.peak": "6\n",
        "pids.max": "20\n",
        "pids.events": "max 5\n",
        "io.stat": "8:0 rbytes=1000 wbytes=500 rios=1 wios=1\n8:16 rbytes=2000 wbytes=200\n",
    }
    for name, text in write.items():
        tree.write("%s/%s" % (folder, name), text)
    pressures(tree, folder)
    return folder


def pressures(tree, folder):
    """The three pressure files."""
    tree.write(folder + "/cpu.pressure", STALL % (1_000_000, 5))
    tree.write(folder + "/memory.pressure", STALL % (2_000, 1_000))
    tree.write(folder + "/io.pressure", STALL % (900, 30))


def split(tree, path, number=CONTAINER_ID):
    """The container in version 1 trees."""
    inner = "%s/docker-%s.scope" % (path, number)
    write = {
        "cpuacct": {"cpuacct.usage": "834553782\n"},
        "cpu": {"cpu.stat": "nr_periods 42\nnr_throttled 40\nthrottled_time 3128890620\n"},
        "memory": {
            "memory.usage_in_bytes": "33554432\n",
            "memory.max_usage_in_bytes": "50331648\n",
            "memory.stat": V1_STAT,
            "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        },
        "pids": {
            "pids.current": "1\n",
            "pids.peak": "6\n",
            "pids.max": "20\n",
            "pids.events": "max 5\n",
        },
        "blkio": {
            "blkio.throttle.io_service_bytes_recursive": "8:0 Read 1000\n8:0 Write 500\n"
            "8:0 Total 1500\n8:16 Read 2000\n8:16 Write 200\nTotal 3700\n"
        },
    }
    for controller, files in write.items():
        for name, text in files.items():
            tree.write("/sys/fs/cgroup/%s%s/%s" % (controller, inner, name), text)
    return inner


def mount_v1(tree):
    """Version 1 only."""
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS)


def mount_hybrid(tree):
    """Controllers in version 1 trees, and the unified tree beside them."""
    tree.mounts(1, *HOST_MOUNTS, *V1_MOUNTS, UNIFIED)


def mount_v2(tree):
    """Version 2 only."""
    tree.mounts(1, *HOST_MOUNTS, V2_MOUNT)
