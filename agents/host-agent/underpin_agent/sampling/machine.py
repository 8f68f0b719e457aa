"""The host itself: pressure, /proc/stat, vmstat, meminfo and what changes seldom.

Names are those of ``usage`` in the facts; counters are totals since boot.
"""

import os

from .files import pressure_totals

LOCAL_FILESYSTEMS = (  # others may never answer: network, FUSE
    *("ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs", "jfs"),
)
MAX_FILESYSTEMS = 24
PRESSURES = (("cpu", "some"), ("memory", "some"), ("memory", "full"), ("io", "full"))
VMSTAT = {
    "allocstalls": ("allocstall",),
    "drop_caches": ("drop_pagecache", "drop_slab"),
    "balloon_inflated_pages": ("balloon_inflate",),
}


def read_machine(files, reading):
    """Counters and gauges that may change within seconds, into a ``counters.Reading``."""
    totals = {}
    for resource, kind in PRESSURES:
        if resource not in totals:
            totals[resource] = pressure_totals(files.read("/proc/pressure/" + resource))
        reading.count("pressure.%s_%s" % (resource, kind), totals[resource].get(kind))
    _stat(files.read("/proc/stat") or b"", reading)
    _vmstat(files.table("/proc/vmstat") or {}, reading)
    meminfo = _meminfo(files.read("/proc/meminfo") or b"")
    reading.glimpse("memory.available_bytes", meminfo.get("MemAvailable"))
    _threads(files, reading)
    handles = (files.read("/proc/sys/fs/file-nr") or b"").split()
    if len(handles) == 3 and int(handles[2]):
        reading.glimpse("file_handles_ratio", round(int(handles[0]) / int(handles[2]), 4))


def read_slow(files, trees, reading):
    """Gauges that are read once per long window, into a ``counters.Reading``."""
    meminfo = _meminfo(files.read("/proc/meminfo") or b"")
    reading.glimpse("memory.total_bytes", meminfo.get("MemTotal"))
    pages = (files.table("/proc/vmstat") or {}).get("nr_balloon_pages")
    if pages is not None or "Balloon" in meminfo:
        page_bytes = (pages or 0) * os.sysconf("SC_PAGE_SIZE")
        reading.glimpse("balloon.bytes", max(page_bytes, meminfo.get("Balloon", 0)))
    reading.glimpse("zones_below_low", _zones_below_low(files.read("/proc/zoneinfo")))
    reading.glimpse("ksm_pages_sharing", files.number("/sys/kernel/mm/ksm/pages_sharing"))
    if trees.v2 and not trees.v1:
        stat = files.table(trees.v2 + "/cgroup.stat") or {}
        reading.glimpse("cgroup_dying_memory", stat.get("nr_dying_descendants"))
    _memory_errors(files, reading)


def filesystems(files, mounts):
    """``{mount: [used %, inodes used %]}`` of local file systems, the shortest paths first.

    Of overlays only the root: each container has one, on a file system that is here already.
    """
    local = {
        mount.point
        for mount in mounts
        if mount.filesystem in LOCAL_FILESYSTEMS
        or (mount.filesystem == "overlay" and mount.point == "/")
        or (mount.filesystem == "tmpfs" and mount.point.count("/") < 3)  # not one per container
    }
    found = {}
    for point in sorted(local, key=lambda path: (path.count("/"), path))[:MAX_FILESYSTEMS]:
        try:
            space = os.statvfs(files.prefix + point)
        except OSError:
            continue
        found[point] = [
            _used(space.f_blocks, space.f_bfree, space.f_bavail),
            _used(space.f_files, space.f_ffree, space.f_favail),
        ]
    return found


def _used(total, free, available):
    """Per cent of what an ordinary user may fill, as df(1) counts."""
    used = total - free
    whole = used + available
    return round(100 * used / whole, 1) if whole > 0 else 0.0


def _stat(raw, reading):
    for line in raw.split(b"\n"):
        words = line.split()
        if not words:
            continue
        if words[0] == b"cpu" and len(words) >= 9:
            tick = 1_000_000 // os.sysconf("SC_CLK_TCK")
            numbers = [int(word) * tick for word in words[1:9]]
            reading.count("cpu_total_us", sum(numbers))
            reading.count("cpu_idle_us", numbers[3] + numbers[4])
            reading.count("cpu_steal_us", numbers[7])
        elif words[0] == b"ctxt":
            reading.count("context_switches", int(words[1]))
        elif words[0] == b"processes":
            reading.count("forks", int(words[1]))


def _vmstat(table, reading):
    for name, starts in VMSTAT.items():
        found = [value for key, value in table.items() if key.startswith(starts)]
        if found:
            reading.count(name, sum(found))
    threshold = table.get("nr_dirty_threshold")
    if threshold:
        dirty = table.get("nr_dirty", 0) + table.get("nr_writeback", 0)
        reading.glimpse("dirty.ratio", round(dirty / threshold, 4))


def _meminfo(raw):
    found = {}
    for line in raw.split(b"\n"):
        name, _colon, rest = line.partition(b":")
        words = rest.split()
        if words and words[0].isdigit():
            scale = 1024 if words[-1] == b"kB" else 1
            found[name.decode("ascii", "replace")] = int(words[0]) * scale
    return found


def _threads(files, reading):
    words = (files.read("/proc/loadavg") or b"").split()
    limits = [files.number("/proc/sys/kernel/" + name) for name in ("pid_max", "threads-max")]
    if len(words) > 3 and None not in limits and min(limits):
        threads = words[3].partition(b"/")[2]
        if threads.isdigit():
            reading.glimpse("threads_ratio", round(int(threads) / min(limits), 4))


def _zones_below_low(raw):
    """How many zones hold fewer free pages than their low mark, None when not readable."""
    if raw is None:
        return None
    below, free = 0, None
    for line in raw.split(b"\n"):
        words = line.split()
        if len(words) == 3 and words[:2] == [b"pages", b"free"]:
            free = int(words[2])
        elif len(words) == 2 and words[0] == b"low" and free is not None:
            below += free < int(words[1])
            free = None
    return below


def _memory_errors(files, reading):
    base = "/sys/devices/system/edac/mc"
    try:
        names = [one for one in os.listdir(files.prefix + base) if one.startswith("mc")]
    except OSError:
        return
    for fact, file in (("corrected", "ce_count"), ("uncorrected", "ue_count")):
        values = [files.number("%s/%s/%s" % (base, name, file)) for name in names]
        values = [value for value in values if value is not None]
        if values:
            reading.glimpse("memory_errors." + fact, sum(values))
