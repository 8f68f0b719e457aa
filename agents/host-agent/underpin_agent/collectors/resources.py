"""The ``resources`` section: capacity and host-wide resource policy."""

import posixpath

from ..mountinfo import covering, read_host_mounts
from ..reading import Absent, ReadFailed
from .engines import find_engines
from .gathering import Gathering, Unknown, names_or_none
from .platform_memory import meminfo
from .programs import cut_by_hiding, running

_KILLERS = ("systemd-oomd", "oomd", "earlyoom", "nohang")
_UNLIMITED = 1 << 60  # v1 prints PAGE_COUNTER_MAX, close to 2**63, for "no limit"


def collect(context):
    """Read what bounds memory, tasks and space on the whole host."""
    host, gathering = context.host, Gathering("resources")
    try:
        numbers = meminfo(host)
        gathering.store("swap_total_bytes", numbers.get("SwapTotal", 0) * 1024)
        gathering.store("hugepages_total", numbers.get("HugePages_Total", 0))
    except ReadFailed as failure:
        gathering.failed("swap_total_bytes", failure)
        gathering.failed("hugepages_total", failure)
    try:
        mounts = read_host_mounts(host)
    except ReadFailed as failure:
        gathering.failed("filesystems", failure)
        gathering.failed("slices", failure)
    else:
        stores = store_paths(context)
        gathering.fact("filesystems", lambda: filesystems(mounts, stores))
        cut_by_hiding(gathering, context, "filesystems")
        if mounts.cut:
            gathering.missing("filesystems", "truncated")
        _slices(gathering, context, mounts)
    gathering.fact("pressure_killer", lambda: (running(context, _KILLERS) or ["none"])[0])
    return gathering.section


def store_paths(context):
    """Folders in which the engines of this host keep images and containers, those that exist.

    One that may not be opened counts: its engine names it, and the mount table tells the rest.
    """
    return sorted({one.store for one in find_engines(context) if _is_there(context.host, one)})


def _is_there(host, engine):
    try:
        return bool(engine.store) and host.exists(engine.store)
    except ReadFailed:
        return True


def filesystems(mounts, stores):
    """One row per mount that holds the root, an engine's store or the logs."""
    roles = {}
    root = covering(mounts, "/")
    wanted = [("root", "/"), ("log", "/var/log")] + [("runtime", path) for path in stores]
    for role, path in wanted:
        mount = covering(mounts, path)
        if mount is None:
            raise Unknown(reason="the mount table lacks the root")
        roles.setdefault(mount.point, (mount, set()))[1].add(role)
    return [
        {"mount": point, "roles": sorted(names), "separate": mount.device != root.device}
        for point, (mount, names) in sorted(roles.items())
    ]


def _slices(gathering, context, mounts):
    tree = Tree(context.host, mounts)
    gathering.fact("slices.system_protected", lambda: _system_protected(tree))
    gathering.fact("slices.containers_limited", lambda: _containers_limited(context, tree))
    gathering.fact("slices.user_tasks_limited", lambda: _user_tasks_limited(context, tree))


class Tree:
    """Where the control files of a controller lie: the unified tree when it has the controller."""

    def __init__(self, host, mounts):
        self.host = host
        self._unified = [m.point for m in mounts if m.filesystem == "cgroup2"]
        self._legacy = [m for m in mounts if m.filesystem == "cgroup"]

    def folder(self, controller):
        """``(mount point, is v2)``. Raises Unknown when no tree has the controller."""
        for mount in self._legacy:
            if controller in mount.super_options:
                return mount.point, False
        for point in self._unified:
            if controller in self.host.line(point + "/cgroup.controllers").split():
                return point, True
        raise Unknown(reason="no control group tree has the %s controller" % controller)


def _system_protected(tree):
    point, unified = tree.folder("memory")
    if not unified:
        raise Unknown(reason="memory protection exists on cgroup v2 only")
    folder = point + "/system.slice"
    try:
        values = [tree.host.line("%s/%s" % (folder, name)) for name in ("memory.min", "memory.low")]
    except Absent:
        return False
    return any(value != "0" for value in values)


def _containers_limited(context, tree):
    point, unified = tree.folder("memory")
    controllers = () if unified else ("memory",)
    parents = container_parents(context.discovery.containers, controllers)
    if not parents:
        raise Unknown(reason="no container runs")
    name = "memory.max" if unified else "memory.limit_in_bytes"
    return all(_limited_above(tree.host, point, parent, name) for parent in parents)


def container_parents(containers, controllers):
    """The groups right above the containers, in the tree of ``controllers``."""
    found = set()
    for container in containers:
        for names, path in container.leader.cgroups:
            # Exactly the unified tree for (), else the line that holds the one controller.
            if (not names and not controllers) or set(names) & set(controllers):
                found.add(posixpath.dirname(path) or "/")
    return sorted(found)


def _limited_above(host, point, group, name):
    """True when ``group`` or one above it, below the root, holds a limit."""
    while group not in ("/", ""):
        try:
            if is_limit(host.line(posixpath.join(point, group.strip("/"), name))):
                return True
        except Absent:
            pass
        group = posixpath.dirname(group)
    return False


def is_limit(text):
    """Whether a control file holds a bound: not ``max``, not the largest number of v1."""
    return text != "max" and int(text) < _UNLIMITED


def _user_tasks_limited(context, tree):
    point, _unified = tree.folder("pids")
    top = point + "/user.slice"
    names = [name for name in names_or_none(context.host, top) if name.startswith("user-")]
    if names:
        limits = [context.host.line("%s/%s/pids.max" % (top, name)) for name in names]
        return all(is_limit(text) for text in limits)
    if context.host.line("/proc/1/comm") == "systemd":
        raise Unknown(reason="no user is logged in, so no slice shows its limit")
    return False
