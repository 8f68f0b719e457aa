"""One container's counters and gauges in one form for control groups of version 1, 2 and hybrid.

Names are those of ``containers[].usage`` in the facts; more are needed for rates. What a kernel
does not have stays out. Counters only grow; gauges are glimpses. Sources: cgroup-v2.rst and
cgroup-v1/ of the kernel's documentation.
"""

from .files import folders_below, pressure_totals

UNLIMITED = 0x7FFF_FFFF_FFFF_0000
PRESSURES = (("cpu", "some"), ("memory", "some"), ("memory", "full"), ("io", "full"))


class Reading:
    """``counters`` and ``gauges`` of one look, by name."""

    __slots__ = ("counters", "gauges")

    def __init__(self):
        self.counters, self.gauges = {}, {}

    def count(self, name, value):
        """Keep a counter that was there."""
        if value is not None:
            self.counters[name] = value

    def glimpse(self, name, value):
        """Keep a gauge that was there."""
        if value is not None:
            self.gauges[name] = value


def read_container(files, group):
    """The ``Reading`` of one ``groups.Group``."""
    reading = Reading()
    if group.version == 2:
        _version_2(files, group, reading)
    else:
        _version_1(files, group, reading)
    if "v2" in group.folders:
        _pressure(files, group.folders["v2"], reading)
    _ratios(group, reading)
    return reading


def field(raw, name):
    """The number of the line ``name number``, or None; quicker than a table of all lines."""
    name += b" "
    at = 0 if raw.startswith(name) else raw.find(b"\n" + name) + 1
    if not at and not raw.startswith(name):
        return None
    end = raw.find(b"\n", at)
    word = raw[at + len(name) : end if end >= 0 else None].strip()
    return int(word) if word.isdigit() else None


def fields(files, path):
    """A reader of single fields of one file; each None when the file is not there."""
    raw = files.read(path) or b""
    return lambda name: field(raw, name)


def _version_2(files, group, reading):
    folder = group.folders["v2"]
    stat = fields(files, folder + "/cpu.stat")
    reading.count("cpu_usage_us", stat(b"usage_usec"))
    reading.count("cpu_periods", stat(b"nr_periods"))
    reading.count("cpu_throttled_periods", stat(b"nr_throttled"))
    reading.count("cpu_throttled_us", stat(b"throttled_usec"))
    reading.glimpse("memory_current_bytes", files.number(folder + "/memory.current"))
    reading.glimpse("memory_peak_bytes", files.number(folder + "/memory.peak"))
    reading.count("oom_kills", fields(files, folder + "/memory.events")(b"oom_kill"))
    memory = fields(files, folder + "/memory.stat")
    _memory_stat(reading, memory, (b"anon", b"file", b"file_dirty"), b"")
    _processes(files, folder, reading)
    _bytes(reading, _io_stat(files.read(folder + "/io.stat")))


def _version_1(files, group, reading):
    folders = group.folders
    if "cpuacct" in folders:
        used = files.number(folders["cpuacct"] + "/cpuacct.usage")
        reading.count("cpu_usage_us", None if used is None else used // 1000)
    if "cpu" in folders:
        stat = fields(files, folders["cpu"] + "/cpu.stat")
        reading.count("cpu_periods", stat(b"nr_periods"))
        reading.count("cpu_throttled_periods", stat(b"nr_throttled"))
        throttled = stat(b"throttled_time")
        reading.count("cpu_throttled_us", None if throttled is None else throttled // 1000)
    if "memory" in folders:
        _memory_1(files, folders["memory"], group, reading)
    if "pids" in folders:
        _processes(files, folders["pids"], reading)
    if "blkio" in folders:
        name = "/blkio.throttle.io_service_bytes_recursive"
        _bytes(reading, _service_bytes(files.read(folders["blkio"] + name)))


def _memory_1(files, folder, group, reading):
    reading.glimpse("memory_current_bytes", files.number(folder + "/memory.usage_in_bytes"))
    reading.glimpse("memory_peak_bytes", files.number(folder + "/memory.max_usage_in_bytes"))
    reading.count("oom_kills", _kills(files, folder))
    memory = fields(files, folder + "/memory.stat")
    limit = memory(b"hierarchical_memory_limit")
    group.memory_limit = limit if limit is not None and limit < UNLIMITED else None
    _memory_stat(reading, memory, (b"total_rss", b"total_cache", b"total_dirty"), b"total_")


def _kills(files, folder):
    """Kills in the group and right below it: version 1 counts each group alone."""
    found = fields(files, folder + "/memory.oom_control")(b"oom_kill")
    if found is None:
        return None  # before Linux 4.13
    for name in folders_below(files.prefix + folder):
        found += fields(files, "%s/%s/memory.oom_control" % (folder, name))(b"oom_kill") or 0
    return found


def _memory_stat(reading, memory, kinds, prefix):
    """``kinds`` are the names of anonymous, file and dirty memory in this version."""
    for fact, name in zip(("anon", "file", "dirty"), kinds):
        reading.glimpse("memory_%s_bytes" % fact, memory(name))
    reading.glimpse("memory_inactive_file_bytes", memory(prefix + b"inactive_file"))
    parts = [memory(prefix + b"workingset_refault_" + kind) for kind in (b"anon", b"file")]
    if None not in parts:
        reading.count("refaults", sum(parts))


def _processes(files, folder, reading):
    reading.glimpse("pids_current", files.number(folder + "/pids.current"))
    reading.glimpse("pids_peak", files.number(folder + "/pids.peak"))
    reading.count("pids_limit_hits", fields(files, folder + "/pids.events")(b"max"))


def _bytes(reading, both):
    if both is not None:
        reading.count("io_read_bytes", both[0])
        reading.count("io_write_bytes", both[1])


def _io_stat(raw):
    """``(read, written)`` summed over devices: ``8:0 rbytes=1 wbytes=2 …``."""
    if raw is None:
        return None
    sums = {b"rbytes": 0, b"wbytes": 0}
    for word in raw.split():
        name, _equal, value = word.partition(b"=")
        if name in sums and value.isdigit():
            sums[name] += int(value)
    return sums[b"rbytes"], sums[b"wbytes"]


def _service_bytes(raw):
    """``(read, written)`` summed over devices: ``8:0 Read 1``; the ``Total`` lines do not count."""
    if raw is None:
        return None
    sums = {b"Read": 0, b"Write": 0}
    for line in raw.split(b"\n"):
        words = line.split()
        if len(words) == 3 and words[1] in sums and words[2].isdigit():
            sums[words[1]] += int(words[2])
    return sums[b"Read"], sums[b"Write"]


def _pressure(files, folder, reading):
    totals = {}
    for resource, kind in PRESSURES:
        if resource not in totals:
            totals[resource] = pressure_totals(files.read("%s/%s.pressure" % (folder, resource)))
        reading.count("pressure.%s_%s" % (resource, kind), totals[resource].get(kind))


def _ratios(group, reading):
    gauges = reading.gauges
    current, limit = gauges.get("memory_current_bytes"), group.memory_limit
    if current is not None and limit:
        idle = gauges.get("memory_inactive_file_bytes", 0)
        gauges["memory_ratio"] = round(max(0, current - idle) / limit, 4)
        if "memory_dirty_bytes" in gauges:
            gauges["dirty_ratio"] = round(gauges["memory_dirty_bytes"] / limit, 4)
    if gauges.get("pids_peak") is not None and group.pids_limit:
        gauges["pids_peak_ratio"] = round(gauges["pids_peak"] / group.pids_limit, 4)
