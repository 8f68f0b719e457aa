"""Resource limits of one container over the whole path of its control groups."""

import re

from .. import derive
from ..reading import ReadFailed
from .control_groups import main_path
from .view import cpu_list, parse_limits

V1_UNLIMITED = 0x7FFF_FFFF_FFFF_0000  # PAGE_COUNTER_MAX in bytes, for pages up to 64 KiB
MAX_SIBLINGS = 500
UUID = re.compile(r"[0-9a-f]{8}[-_](?:[0-9a-f]{4}[-_]){3}[0-9a-f]{12}")
SUB_GROUP = re.compile(r"/(?:container|init\.scope)$")
KUBERNETES = re.compile(r"/kubepods(?:[/.]|$)")
ROOTLESS = re.compile(r"/user\.slice/user-\d+\.slice/user@\d+\.service/user\.slice")
DEFAULT_PARENTS = {
    *("/docker", "/system.slice", "/machine.slice", "/libpod_parent", "/default", "/machine"),
}


def gather(material):
    """Rows ``cgroup``, ``limits``, ``rlimits``, ``cpus``, ``memory_nodes``."""
    material.put("limits.limited_by", {})
    _group_rows(material)
    _memory(material)
    _swap(material)
    _cpu(material)
    _pids(material)
    _input_output(material)
    _huge_pages(material)
    _cpusets(material)
    _drift(material)
    _rlimits(material)


def _find(material, controller):
    return material.view.groups.find(controller, material.leader.cgroups)


def _value(material, folder, name):
    return material.view.groups.value(folder, name)


def _number(text):
    """A limit file's number; None for max, -1, an unlimited value or no file."""
    if text is None or not text.isdigit():
        return None
    return None if int(text) >= V1_UNLIMITED else int(text)


def _holder(group, folder_path):
    return "self" if folder_path == group.levels[0][0] else derive.without_ids(folder_path)


def _group_rows(material):
    cgroups = material.leader.cgroups
    path = SUB_GROUP.sub("", main_path(cgroups))
    group = _find(material, "memory")
    if not path:
        material.missing("cgroup", "its control group could not be read")
        return
    parent = path.rsplit("/", 1)[0] or "/"
    parent = UUID.sub("<uid>", derive.without_ids(parent))
    v1 = any("memory" in controllers for controllers, _path in cgroups)
    material.put("cgroup.version", 1 if v1 or (group is not None and group.version == 1) else 2)
    material.put("cgroup.at_root", path == "/")
    material.put("cgroup.parent", parent)
    material.put("cgroup.parent_is_default", _default_parent(material, parent))
    _notify_on_release(material)
    if material.mounts is None:
        material.missing("cgroup.writable_inside", "the mount table could not be read")
        return
    kinds = ("cgroup", "cgroup2")
    writable = any(one.filesystem in kinds and not one.read_only for one in material.mounts)
    material.put("cgroup.writable_inside", writable)


def _default_parent(material, parent):
    configured = material.claim.cgroup_parent_default
    if configured:
        return parent == "/" + configured.strip("/")
    if parent in DEFAULT_PARENTS or KUBERNETES.match(parent):
        return True
    return bool(ROOTLESS.fullmatch(parent))


def _notify_on_release(material):
    """True when a version 1 group of the container runs the release agent at its end."""
    set_in, seen = False, False
    for controllers, _path in material.leader.cgroups:
        group = _find(material, controllers[0]) if controllers else None
        if group is not None and group.version == 1:
            value = _value(material, group.levels[0][1], "notify_on_release")
            seen = seen or value is not None
            set_in = set_in or value == "1"
    unified_only = not any(controllers for controllers, _path in material.leader.cgroups)
    if seen or unified_only:
        material.put("cgroup.notify_on_release", set_in)
    else:
        material.missing("cgroup.notify_on_release", "no tree of the host shows its group")


def _lost(material, *names):
    for name in names:
        material.missing("limits." + name, "no tree of the host shows its group")


def _minimum(material, group, name):
    return derive.minimum_over_path(
        [(path, _number(_value(material, folder, name))) for path, folder in group.levels]
    )


def _put_limit(material, group, name, value, holder):
    label = {"memory": "max_bytes", "swap": "max_bytes", "pids": "max"}[name]
    material.put("limits.%s_limited" % name, value is not None)
    if value is not None:
        material.put("limits.%s_%s" % (name, label), value)
        material.put("limits.limited_by." + name, _holder(group, holder))


def _memory(material):
    group = _find(material, "memory")
    if group is None or not _shows(material, group, "memory.limit_in_bytes", "memory.max"):
        _lost(material, "memory_limited", "memory_max_bytes", "memory_low_bytes", "oom_group")
        _lost(material, "oom_kill_disabled")
        return
    own = group.levels[0][1]
    if group.version == 1:
        value, holder = _minimum(material, group, "memory.limit_in_bytes")
        whole = _memory_stat(material, own).get("hierarchical_memory_limit")
        if whole is not None and whole < V1_UNLIMITED and (value is None or whole < value):
            value, holder = whole, group.levels[-1][0]
        _put_limit(material, group, "memory", value, holder)
        material.put("limits.memory_low_bytes", 0)  # the soft limit protects nothing
        material.missing("limits.oom_group", "version 1 groups have no group kill", "ENOENT")
        text = _value(material, own, "memory.oom_control") or ""
        material.put("limits.oom_kill_disabled", "oom_kill_disable 1" in text)
        return
    value, holder = _minimum(material, group, "memory.max")
    _put_limit(material, group, "memory", value, holder)
    protected = [_value(material, own, name) for name in ("memory.low", "memory.min")]
    numbers = [2**63 - 1 if text == "max" else int(text) for text in protected if text]
    material.put("limits.memory_low_bytes", max(numbers, default=0))
    material.put("limits.oom_group", _value(material, own, "memory.oom.group") == "1")
    material.put("limits.oom_kill_disabled", False)


def _shows(material, group, first, second):
    name = first if group.version == 1 else second
    return len(group.levels) == 1 or _value(material, group.levels[0][1], name) is not None


def _memory_stat(material, folder):
    try:
        lines = material.host.lines(folder + "/memory.stat")
    except ReadFailed:
        return {}
    rows = (line.split() for line in lines)
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _swap(material):
    group = _find(material, "memory")
    names = ("swap_limited", "swap_max_bytes")
    if group is None:
        _lost(material, *names)
        return
    if group.version == 2:
        if (
            len(group.levels) > 1
            and _value(material, group.levels[0][1], "memory.swap.max") is None
        ):
            _no_swap_accounting(material, names)
            return
        value, holder = _minimum(material, group, "memory.swap.max")
        _put_limit(material, group, "swap", value, holder)
        return
    stat = _memory_stat(material, group.levels[0][1])
    if "hierarchical_memsw_limit" not in stat:
        _no_swap_accounting(material, names)
        return
    both, memory = stat["hierarchical_memsw_limit"], stat.get("hierarchical_memory_limit", 0)
    limited = both < V1_UNLIMITED
    value, holder = _minimum(material, group, "memory.memsw.limit_in_bytes")
    where = holder if value is not None and value <= both else group.levels[-1][0]
    _put_limit(material, group, "swap", max(0, both - memory) if limited else None, where)


def _no_swap_accounting(material, names):
    for name in names:
        material.missing("limits." + name, "swap accounting is off", "ENOENT", "swapaccount=1")


def _cpu(material):
    group = _find(material, "cpu")
    if group is None:
        _lost(material, "cpu_limited", "cpu_cores", "cpu_weight_set", "cpu_weight_relative")
        return
    rows = [(path, _cores(material, group, folder)) for path, folder in group.levels]
    cores, holder = derive.minimum_over_path(rows)
    material.put("limits.cpu_limited", cores is not None)
    if cores is not None:
        material.put("limits.cpu_cores", round(cores, 3))
        material.put("limits.limited_by.cpu", _holder(group, holder))
    _weight(material, group)


def _cores(material, group, folder):
    if group.version == 1:
        quota = _value(material, folder, "cpu.cfs_quota_us")
        period = _value(material, folder, "cpu.cfs_period_us")
    else:
        quota, _, period = (_value(material, folder, "cpu.max") or "").partition(" ")
    if not quota or not quota.isdigit() or not (period or "").isdigit() or int(period) == 0:
        return None
    return int(quota) / int(period)


def _weight(material, group):
    name, default = ("cpu.shares", 1024) if group.version == 1 else ("cpu.weight", 100)
    own = _number(_value(material, group.levels[0][1], name))
    if own is None:
        _lost(material, "cpu_weight_set", "cpu_weight_relative")
        return
    material.put("limits.cpu_weight_set", own != default)
    if len(group.levels) < 2:
        material.put("limits.cpu_weight_relative", 1.0)
        return
    weights = _sibling_weights(material, group.levels[1][1], name) or [own]
    median = (weights[(len(weights) - 1) // 2] + weights[len(weights) // 2]) / 2
    material.put("limits.cpu_weight_relative", round(own / median, 3) if median else 1.0)


def _sibling_weights(material, folder, name):
    texts = material.view.groups.child_values(folder, name, MAX_SIBLINGS)
    return sorted(number for number in map(_number, texts) if number is not None)


def _pids(material):
    group = _find(material, "pids")
    if group is None or not _shows(material, group, "pids.max", "pids.max"):
        _lost(material, "pids_limited", "pids_max")
        return
    value, holder = _minimum(material, group, "pids.max")
    _put_limit(material, group, "pids", value, holder)


V1_THROTTLES = tuple(
    "blkio.throttle.%s_%s_device" % (way, unit)
    for way in ("read", "write")
    for unit in ("bps", "iops")
)


def _input_output(material):
    group = _find(material, "blkio")
    if group is None or group.version == 2:
        group = _find(material, "io")
    if group is None:
        _lost(material, "io_max_set", "io_weight_set")
        return
    files = V1_THROTTLES if group.version == 1 else ("io.max",)
    levels = [folder for _path, folder in group.levels]
    throttled = any(_value(material, folder, name) for folder in levels for name in files)
    material.put("limits.io_max_set", throttled)
    material.put("limits.io_weight_set", _io_weight_set(material, group.version, levels[0]))


def _io_weight_set(material, version, folder):
    if version == 1:
        bfq = _value(material, folder, "blkio.bfq.weight")
        cfq = _value(material, folder, "blkio.weight")
        return bfq not in (None, "100") or cfq not in (None, "500", "1000")
    names = ("io.weight", "io.bfq.weight")
    values = [_value(material, folder, name) for name in names]
    return any(value not in (None, "", "default 100") for value in values)


def _huge_pages(material):
    group = _find(material, "hugetlb")
    if group is None:
        material.put("limits.hugetlb_set", False)  # the kernel has no such controller
        return
    folder = group.levels[0][1]
    try:
        names = [one for one in material.host.names(folder) if one.startswith("hugetlb.")]
    except ReadFailed as failure:
        material.failed("limits.hugetlb_set", failure)
        return
    ends = (".limit_in_bytes",) if group.version == 1 else (".max",)
    limits = [one for one in names if one.endswith(ends) and ".rsvd" not in one]
    found = any(_number(_value(material, folder, one)) is not None for one in limits)
    material.put("limits.hugetlb_set", found)


def _cpusets(material):
    status, online = material.leader.status, material.view.online_cpus
    cpus = cpu_list(status.get("Cpus_allowed_list", ""))
    material.put("cpus", cpus)
    material.put("memory_nodes", cpu_list(status.get("Mems_allowed_list", "")))
    allowed = _cpuset(material) or cpus
    if not online:
        material.missing("limits.cpus_explicit", "the host's processors are not known")
    else:
        material.put("limits.cpus_explicit", bool(set(online) - set(allowed)))
    material.put("limits.cpus_single", len(allowed) == 1)


def _cpuset(material):
    group = _find(material, "cpuset")
    if group is None:
        return []
    names = ("cpuset.effective_cpus", "cpuset.cpus.effective", "cpuset.cpus")
    for _path, folder in group.levels:
        for name in names:
            found = cpu_list(_value(material, folder, name) or "")
            if found:
                return found
    return []


def bundle_limits(spec):
    """Limits an OCI bundle declares, in the names of ``limits``; None: not limited."""
    resources = (spec.get("linux") or {}).get("resources") or {}
    memory = (resources.get("memory") or {}).get("limit") or 0
    pids = (resources.get("pids") or {}).get("limit") or 0
    cpu = resources.get("cpu") or {}
    quota, period = cpu.get("quota") or 0, cpu.get("period") or 100_000
    return {
        "memory_max_bytes": memory if memory > 0 else None,
        "pids_max": pids if pids > 0 else None,
        "cpu_cores": quota / period if quota > 0 else None,
    }


def _drift(material):
    """Names whose own group holds neither what the bundle nor what the runtime's state declares."""
    if not material.claim.spec:
        claim = material.claim
        material.missing("limits.drift", claim.reason, claim.errno, "the container's OCI bundle")
        return
    declared = [bundle_limits(material.claim.spec), material.claim.declared_limits]
    effective = _own_limits(material)
    drift = [
        name
        for name, value in effective.items()
        if not any(_close(value, wanted.get(name)) for wanted in declared if name in wanted)
    ]
    material.put("limits.drift", sorted(drift))


def _own_limits(material):
    found = {}
    for name, controller, v1, v2 in (
        ("memory_max_bytes", "memory", "memory.limit_in_bytes", "memory.max"),
        ("pids_max", "pids", "pids.max", "pids.max"),
    ):
        group = _find(material, controller)
        if group is not None and len(group.levels) > 1:
            own = group.levels[0][1]
            found[name] = _number(_value(material, own, v1 if group.version == 1 else v2))
    group = _find(material, "cpu")
    if group is not None and len(group.levels) > 1:
        found["cpu_cores"] = _cores(material, group, group.levels[0][1])
    return found


def _close(value, wanted):
    """Equal, or apart by less than a page or a thousandth: the kernel rounds."""
    if value is None or wanted is None:
        return value is wanted
    return abs(value - wanted) <= max(65_535 if wanted > 1_000_000 else 0, wanted / 1000)


def _rlimits(material):
    try:
        limits = parse_limits(material.read("limits"))
    except ReadFailed as failure:
        material.failed("rlimits", failure)
        return
    _soft, files = limits.get("Max open files", (None, None))
    material.put("rlimits.open_files_limited", files is not None)
    if files is not None:
        material.put("rlimits.open_files_hard", files)
    locked = limits.get("Max locked memory", (None, None))[1]
    material.put("rlimits.locked_memory_limited", locked is not None)
    core = limits.get("Max core file size", (None, None))[0]
    material.put("rlimits.core_soft_bytes", -1 if core is None else core)
    if not material.view.init_limits:
        material.missing("rlimits.processes_set", "the host's own limits are not readable")
        return
    own = limits.get("Max processes", (None, None))[1]
    host = material.view.init_limits.get("Max processes", (None, None))[1]
    material.put("rlimits.processes_set", own is not None and (host is None or own < host))
