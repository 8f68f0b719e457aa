"""Ways out that lie open in one container: kernel paths, sockets, escape controls, descriptors."""

import os
import stat

from .. import derive, mountinfo
from ..reading import ReadFailed
from .isolation import PTRACE

KERNEL_PATHS = (  # noqa: SIM905 a table
    "/proc/acpi /proc/bus /proc/fs /proc/interrupts /proc/irq /proc/kcore /proc/keys "
    "/proc/latency_stats /proc/sched_debug /proc/scsi /proc/sys /proc/sysrq-trigger "
    "/proc/timer_list /proc/timer_stats /sys/firmware /sys/devices/virtual/powercap"
).split()
NO_FILES = ("pipe:", "socket:", "anon_inode:", "/memfd:", "/SYSV", "/[aio]", "mnt:", "net:")
REMOUNT_SOURCES = {
    "core_pattern": "/proc/sys/kernel/core_pattern",
    "modprobe": "/proc/sys/kernel/modprobe",
    "poweroff_cmd": "/proc/sys/kernel/poweroff_cmd",
    "sysrq": "/proc/sys/kernel/sysrq",
    "sysrq_trigger": "/proc/sysrq-trigger",
    "uevent_helper": "/sys/kernel/uevent_helper",
}
SOCKET_ROLES = ("host", "volume", "socket")
HOME_KEYS = ("authorized_keys", "authorized_keys2")
MAX_HOMES = 200


def gather(material):
    """All rows of this module."""
    if material.mounts is None:
        for name in ("kernel_paths", "runtime_sockets", "escape_controls", "leaked_descriptors"):
            material.missing(name, "the mount table could not be read")
    else:
        _kernel_paths(material)
        _runtime_sockets(material)
        _escape_controls(material)
        _leaked_descriptors(material)
    _files(material)


def _kernel_paths(material):
    masks = {row["point"] for row in material.rows if row.get("role") == "mask"}
    found, failed = {}, None
    for path in KERNEL_PATHS:
        try:
            exists = material.inside.exists(path)
        except ReadFailed as failure:
            failed = failure
            continue
        found[path] = derive.kernel_path_state(path, material.mounts, exists=exists, masks=masks)
    if failed is not None:  # once, for as many paths as it hides
        material.failed("kernel_paths", failed, "read access to the container's root")
    material.put("kernel_paths", found)


def _runtime_sockets(material):
    if material.view.sockets is None:
        material.missing("runtime_sockets", "the host's socket table could not be read")
        return
    if material.view.sockets_failure is not None:
        material.failed("runtime_sockets", material.view.sockets_failure, PTRACE)
    found = set()
    for path in material.view.sockets:
        for row in material.rows:
            source = row["host_path"] if row.get("role", "host") in SOCKET_ROLES else ""
            if source and mountinfo.below(path, source):
                rest = path[len(source.rstrip("/")) :]
                found.update(_same_socket(material, path, row["point"].rstrip("/") + rest))
    rows = [{"host_path": host, "container_path": inside} for host, inside in sorted(found)]
    material.put("runtime_sockets", rows)


def _same_socket(material, host_path, inside_path):
    """The pair when both names show the same node: another mount may cover the path inside."""
    try:
        outer = material.host.stat(host_path)
        inner = material.inside.stat(inside_path or "/")
    except ReadFailed as failure:
        if failure.errno_name not in ("ENOENT", "ENOTDIR"):
            material.failed("runtime_sockets", failure, "read access to the container's root")
        return []
    same = (outer.st_dev, outer.st_ino) == (inner.st_dev, inner.st_ino)
    return [(host_path, inside_path)] if same else []


def _escape_controls(material):
    facts = material.posture.facts
    if "root_on_host" not in facts.get("ids", {}):
        material.missing("escape_controls", "the rights of its processes are not known")
        return
    rows = derive.escape_control_paths(material.mounts, _exists_in(material))
    rows += [(control, "(remount)") for control in _by_remount(material)]
    view = material.view
    admin = "CAP_SYS_ADMIN" in facts["capabilities"]["reachable"]
    initial = facts["user_namespace"]["initial"]
    found = [
        {
            "control": control,
            "path": path,
            "reachable": derive.control_reachable(
                control,
                on_host=facts["ids"]["root_on_host"],
                kernel=view.kernel,
                admin_initial=admin and initial,
            ),
        }
        for control, path in sorted(set(rows))
    ]
    material.put("escape_controls", found)


def _exists_in(material):
    def exists(path):
        try:
            return material.inside.exists(path)
        except ReadFailed:
            return True  # mounted writable and hidden from the agent: assume the worst

    return exists


def _by_remount(material):
    """Controls that SYS_ADMIN can bring back by a mount of its own."""
    facts = material.posture.facts
    if "CAP_SYS_ADMIN" not in facts["capabilities"]["reachable"]:
        return []
    if facts.get("security_module", {}).get("confined"):
        return []
    if facts["user_namespace"]["initial"] is False:
        return []
    seccomp = facts.get("seccomp", {})
    if "risky_allowed" not in seccomp:
        material.missing("escape_controls", "whether mount is allowed is not known")
        return []
    if "mount" not in seccomp["risky_allowed"]:
        return []
    return _kernel_offers(material)


def _kernel_offers(material):
    found = []
    for control, path in REMOUNT_SOURCES.items():
        try:
            if material.host.exists(path):
                found.append(control)
        except ReadFailed:
            found.append(control)
    filesystems = material.view.filesystems
    if "cgroup" in filesystems:
        found.append("release_agent")
    if "binfmt_misc" in filesystems:
        found.append("binfmt_misc")
    return found


def _leaked_descriptors(material):
    rows, failure, cut = material.descriptors()
    if failure is not None:
        material.failed("leaked_descriptors", failure, PTRACE)
        if not rows:
            return
    if cut:
        material.missing("leaked_descriptors", "truncated")
    known = {mount.mount_id for mount in material.mounts}
    found = set()
    for process, number, text in rows:
        if not text.startswith("/") or text.startswith(NO_FILES):
            continue
        drifted = process.namespaces.get("mount") != material.leader.namespaces.get("mount")
        ids = _mount_ids(material, process) if drifted else known
        mount_id = _mount_id(material, process, number)
        outside = mount_id is not None and ids and mount_id not in ids
        if outside and not _is_null_device(material, process, number, text):
            found.add(derive.without_ids(text))
    material.put("leaked_descriptors", [{"target": text} for text in sorted(found)])


def _is_null_device(material, process, number, text):
    """True for /dev/null, which a runtime opens for a detached exec: no way leads on from it.

    Only what has that name is looked at: a dead network file system would block stat(2).
    """
    if not text.endswith("/null"):
        return False
    path = "%s/proc/%d/fd/%s" % (material.host.root.rstrip("/"), process.pid, number)
    try:
        found = os.stat(path)  # the link is the kernel's own and opens nothing
    except OSError:
        return False
    return stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(1, 3)


def _mount_ids(material, process):
    try:
        text = material.host.read("/proc/%d/mountinfo" % process.pid, mountinfo.MAX_BYTES)
    except ReadFailed:
        return set()
    return {mount.mount_id for mount in mountinfo.parse(text)}


def _mount_id(material, process, number):
    try:
        lines = material.host.lines("/proc/%d/fdinfo/%s" % (process.pid, number), 4096)
    except ReadFailed:
        return None
    for line in lines:
        if line.startswith("mnt_id:"):
            return int(line.split()[1])
    return None


def _files(material):
    """Key files in known home folders and the release file; no walk of the tree."""
    try:
        found = set()
        for home in ["/root", *_homes(material)]:
            for name in HOME_KEYS:
                path = "%s/.ssh/%s" % (home, name)
                if material.inside.exists(path):
                    found.add(path)
        material.put("files.authorized_keys", sorted(found))
        release = any(map(material.inside.exists, ("/etc/os-release", "/usr/lib/os-release")))
        material.put("files.os_release", release)
    except ReadFailed as failure:
        material.failed("files", failure, "read access to the container's root")


def _homes(material):
    try:
        names = material.inside.names("/home")
    except ReadFailed as failure:
        if failure.errno_name in ("ENOENT", "ENOTDIR"):
            return []
        raise
    if len(names) > MAX_HOMES:
        material.missing("files.authorized_keys", "truncated")
    return ["/home/" + name for name in names[:MAX_HOMES]]
