"""``platform``: processors, their threads and caches, and what partitions them."""

from ..reading import Absent
from .gathering import Unknown, names_or_none, number_list, text_or

_CPU = "/sys/devices/system/cpu/"
_SMT = _CPU + "smt/"
_GUEST = "describes the virtual machine, not the processor below"


def gather(gathering, host, is_guest):
    """Store smt, cpus, isolated_cpus, resctrl and microcode."""
    _threads(gathering, host, is_guest)
    online = gathering.fact("online_cpus", lambda: len(number_list(host.line(_CPU + "online"))))
    gathering.fact("isolated_cpus", lambda: isolated_cpus(host))
    if online is None:
        gathering.missing("cpus", "the list of processors could not be read")
    else:
        gathering.store("cpus", _processors(gathering, host))
    gathering.fact("resctrl.available", lambda: "resctrl" in host.read("/proc/filesystems").split())
    gathering.fact("resctrl.partitioned", lambda: resctrl_partitioned(host))
    gathering.fact("microcode", lambda: _microcode(host, is_guest))


def _threads(gathering, host, is_guest):
    if not is_guest:
        gathering.fact("smt.control", lambda: host.line(_SMT + "control"), absent="notimplemented")
        gathering.fact("smt.active", lambda: host.line(_SMT + "active") == "1", absent=False)
        return
    gathering.missing("smt.control", _GUEST)
    gathering.fact("smt.active", lambda: _active_in_guest(text_or(host, _SMT + "active")))


def _active_in_guest(text):
    """True; any other answer only says that the virtual machine hides the threads."""
    if text != "1":
        raise Unknown(reason=_GUEST)
    return True


def isolated_cpus(host):
    """Processors taken from the scheduler or its tick: isolcpus= and nohz_full=."""
    found = set()
    for name in ("isolated", "nohz_full"):
        text = text_or(host, _CPU + name)
        if text and text != "(null)":
            found.update(number_list(text))
    return sorted(found)


def _processors(gathering, host):
    rows = []
    for number in number_list(host.line(_CPU + "online")):
        row = gathering.item("cpus")
        folder = "%scpu%d/" % (_CPU, number)
        row.store("id", number)
        row.fact("core", lambda folder=folder: _core(host, folder))
        row.fact(
            "siblings",
            lambda folder=folder: number_list(host.line(folder + "topology/thread_siblings_list")),
        )
        row.fact("last_level_cache", lambda folder=folder: last_level_cache(host, folder))
        row.fact("node", lambda folder=folder: _node(host, folder))
        rows.append(row.facts)
    return rows


def _core(host, folder):
    package = host.line(folder + "topology/physical_package_id")
    return "%s.%s" % (package, host.line(folder + "topology/core_id"))


def last_level_cache(host, folder):
    """The processors that share the cache of the highest level. Raises Absent without a table."""
    best, shared = 0, None
    for name in host.names(folder + "cache"):
        if not name.startswith("index"):
            continue
        level = int(host.line("%scache/%s/level" % (folder, name)))
        if level > best:
            best, shared = level, "%scache/%s/shared_cpu_list" % (folder, name)
    if shared is None:
        raise Unknown(reason="the kernel lists no cache")
    return number_list(host.line(shared))


def _node(host, folder):
    for name in host.names(folder):
        if name.startswith("node") and name[4:].isdigit():
            return int(name[4:])
    return 0  # built without NUMA: all memory is one node


def resctrl_partitioned(host):
    """True when control groups exist below /sys/fs/resctrl (resctrl.rst)."""
    fixed = {"info", "mon_groups", "mon_data"}
    for name in names_or_none(host, "/sys/fs/resctrl"):
        if name in fixed:
            continue
        try:
            host.stat("/sys/fs/resctrl/%s/schemata" % name)
        except Absent:
            continue
        return True
    return False


def _microcode(host, is_guest):
    if is_guest:
        raise Unknown(reason=_GUEST)
    words = host.line(_CPU + "vulnerabilities/old_microcode").lower()
    if words.startswith("not affected"):
        return "not_affected"
    if words.startswith("mitigation"):
        return "mitigated"
    return "vulnerable" if words.startswith("vulnerable") else "unknown"
