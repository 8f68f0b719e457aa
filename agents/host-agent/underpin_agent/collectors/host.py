"""The ``host`` section: identity and control group set-up of the machine."""

import hashlib
import hmac
import os

from .. import namespaces
from ..discovery import MAX_CONTAINERS
from ..mountinfo import read_host_mounts
from ..reading import Absent, ReadFailed
from .gathering import Gathering, Unknown, text_or
from .programs import why_hidden

_STRAY_CAP = 500


def collect(context):
    """Read what identifies this machine; nothing raw that would name it elsewhere."""
    host, gathering = context.host, Gathering("host")
    gathering.fact("name", lambda: host_name(context))
    gathering.fact("machine_id_hmac", lambda: machine_id_hmac(host, context.org_salt))
    gathering.fact("boot_id", lambda: host.line("/proc/sys/kernel/random/boot_id"))
    _operating_system(gathering, host)
    gathering.fact("init_system", lambda: init_system(host.line("/proc/1/comm")))
    try:
        mounts = read_host_mounts(host)
    except ReadFailed as failure:
        gathering.failed("cgroup", failure)
        gathering.failed("proc_hidepid", failure)
    else:
        _control_groups(gathering, host, mounts)
        gathering.fact("proc_hidepid", lambda: proc_hidepid(mounts))
    gathering.store("namespace_inodes", dict(sorted(context.discovery.host_inodes.items())))
    _stray_namespaces(gathering, context.discovery)
    if context.processes.hidden:
        gathering.section.missing("containers", *why_hidden(context))
        gathering.missing("stray_namespaces", *why_hidden(context))
    elif len(context.discovery.containers) > MAX_CONTAINERS:
        gathering.section.missing("containers", "truncated")
    return gathering.section


def host_name(context):
    """The node name. /proc/sys shows the reader's: only good in the host's UTS namespace."""
    own = namespaces.links(context.host, "self").get("uts")
    if own is not None and own == context.discovery.host_inodes.get("uts"):
        return context.host.line("/proc/sys/kernel/hostname")
    name = text_or(context.host, "/etc/hostname")
    if not name:
        raise Unknown(reason="the agent is not in the host's UTS namespace", needs="--uts=host")
    return name


def machine_id_hmac(host, salt):
    """HMAC-SHA256 of the machine id, keyed per workspace: the raw value never leaves the host."""
    if not salt:
        raise Unknown(reason="not enrolled: no workspace salt yet", needs="enrolment")
    identity = host.line("/etc/machine-id")
    if not identity or identity == "uninitialized":
        raise Unknown(reason="the machine has no id yet")
    return hmac.new(salt, identity.encode(), hashlib.sha256).hexdigest()


def _operating_system(gathering, host):
    try:
        try:
            text = host.read("/etc/os-release")
        except Absent:
            text = host.read("/usr/lib/os-release")
    except ReadFailed as failure:
        gathering.failed("os", failure)
        return
    values = os_release(text)
    gathering.store("os.id", values.get("ID", "linux"))
    if "VERSION_ID" in values:
        gathering.store("os.version", values["VERSION_ID"])
    else:
        gathering.missing("os.version", "a rolling release names no version")


def os_release(text):
    """Keys and values of os-release(5), quotes removed."""
    values = {}
    for line in text.splitlines():
        key, separator, value = line.strip().partition("=")
        if separator and not key.startswith("#"):
            values[key] = value.strip("\"'")
    return values


def init_system(comm):
    """``systemd`` or ``other`` by the command of PID 1."""
    return "systemd" if comm == "systemd" else "other"


def _control_groups(gathering, host, mounts):
    trees = [mount for mount in mounts if mount.filesystem in ("cgroup", "cgroup2")]
    mode = cgroup_mode(trees)
    if mode is None:
        gathering.missing("cgroup", "no control group tree is mounted", "ENOENT")
        return
    gathering.store("cgroup.mode", mode)
    gathering.fact("cgroup.controllers", lambda: controllers(host, trees))
    gathering.store("cgroup.release_agents", _release_agents(gathering, host, trees))


def cgroup_mode(trees):
    """v1, hybrid or v2 by the kinds of the mounted trees; None without any."""
    kinds = {mount.filesystem for mount in trees}
    if len(kinds) == 2:
        return "hybrid"
    return {frozenset(["cgroup"]): "v1", frozenset(["cgroup2"]): "v2"}.get(frozenset(kinds))


def controllers(host, trees):
    """Controllers of the unified tree, and those of mounted v1 trees."""
    found = set()
    for mount in trees:
        if mount.filesystem == "cgroup2":
            found.update(text_or(host, mount.point + "/cgroup.controllers").split())
    if any(mount.filesystem == "cgroup" for mount in trees):
        found.update(enabled_controllers(host.read("/proc/cgroups")))
    return sorted(found)


def enabled_controllers(text):
    """Names with enabled=1 in /proc/cgroups (cgroups(7))."""
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return [row[0] for row in rows if len(row) == 4 and row[3] == "1"]


def _release_agents(gathering, host, trees):
    rows = {}
    for mount in trees:
        if mount.filesystem != "cgroup":
            continue
        name = os.path.basename(mount.point)
        row = {"controller": name}
        try:
            row["value"] = host.line(mount.point + "/release_agent")
        except ReadFailed as failure:
            gathering.failed("cgroup.release_agents[].value", failure, "root")
        rows.setdefault(name, row)
    return [rows[name] for name in sorted(rows)]


def proc_hidepid(mounts):
    """The hidepid= option of the host's /proc; numbers on old kernels, words on new ones."""
    chosen = "0"
    for mount in mounts:
        if mount.point == "/proc" and mount.filesystem == "proc":
            words = [word for word in mount.super_options if word.startswith("hidepid=")]
            chosen = words[-1].partition("=")[2] if words else "0"
    return chosen


def _stray_namespaces(gathering, discovery):
    rows = {(process.comm, tuple(discovery.private(process))) for process in discovery.stray}
    if discovery.unreadable:
        # In words without a number: one that changes by itself would change the digest too.
        reason = "namespaces of some processes could not be read"
        gathering.missing("stray_namespaces", reason, "EACCES", "CAP_SYS_PTRACE")
        gathering.section.missing("containers", reason, "EACCES", "CAP_SYS_PTRACE")
        return
    if len(rows) > _STRAY_CAP:
        gathering.missing("stray_namespaces", "truncated")
    gathering.store(
        "stray_namespaces",
        [{"command": comm, "private": list(kinds)} for comm, kinds in sorted(rows)][:_STRAY_CAP],
    )
