"""Mounts of one container: where the host sees them, what they are, root, tmpfs, shared memory."""

import os
import stat

from .. import derive, mountinfo, redact
from ..reading import Absent, Denied, ReadFailed
from .isolation import PTRACE

SHM = "/dev/shm"  # noqa: S108 a path inside the container
MAX_MOUNTS = 2_000
UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
PAGE_BYTES = 4096
ROLES_BY_NODE = ("host", "tmpfs")  # what a mount is called that may be a socket, device or mask


def gather(material):
    """All rows of this module; nothing when the mount table could not be read."""
    if material.mounts is None:
        for name in ("root_filesystem", "tmpfs", "shared_memory_bytes"):
            material.missing(name, "the mount table could not be read")
        return
    mounts = material.mounts[:MAX_MOUNTS]
    if len(material.mounts) > MAX_MOUNTS or material.mounts.cut:
        material.missing("mounts", "truncated")
    if not material.view.mounts:
        material.missing("mounts[].host_path", "the host's mount table could not be read")
    material.rows = [_row(material, mount) for mount in mounts]
    if not all("role" in row for row in material.rows):
        for name in ("role", "sensitive"):
            why = "what is mounted there could not be seen"
            material.missing("mounts[].%s" % name, why, "", PTRACE)
    _mark_below_host_binds(mounts, material.rows)
    _split_sources(material)
    _root_filesystem(material)
    _tmpfs(material, mounts)
    _shared_memory(material)


def _row(material, mount):
    view = material.view
    path = derive.host_path(mount, view.mounts_of.get(mount.device, ()))
    kind = _node_kind(material, mount)
    role = derive.mount_role(
        mount,
        path=path,
        kind=kind,
        empty=kind == "dir" and _is_empty_mask(material, mount),
        own_id=material.found.id if len(material.found.id) == 64 else "",
    )
    shared = mount.device in view.devices and role not in ("rootfs", "runtime")
    row = {
        "point": mount.point,
        "host_path": path,
        "role": role,
        "sensitive": derive.sensitive_class(path, role, view.stores),
        "filesystem": mount.filesystem,
        "root": derive.without_ids(mount.root),
        "read_only": mount.read_only,
        "options": sorted(set(mount.options)),
        "propagation": derive.propagation(mount),
        "host_superblock": shared,
        "under_host_bind": False,
    }
    if kind is None and role in ROLES_BY_NODE:
        del row["role"], row["sensitive"]  # a socket, a device and a folder look the same
    if role == "remote":
        row["super_options"] = redact.mount_options(mount.super_options)
    return row


def _node_kind(material, mount):
    """dir, file, socket, device or null at the mount point; "" when nothing is found there, None
    without the right to look."""
    if mount.root == "/":
        return "dir"  # the root of a file system is a folder
    try:
        found = material.inside.stat(mount.point)
    except Denied:
        return None
    except ReadFailed:
        return ""
    if stat.S_ISDIR(found.st_mode):
        return "dir"
    if stat.S_ISSOCK(found.st_mode):
        return "socket"
    if stat.S_ISCHR(found.st_mode) and found.st_rdev == os.makedev(1, 3):
        return "null"
    if stat.S_ISCHR(found.st_mode) or stat.S_ISBLK(found.st_mode):
        return "device"
    return "file"


def _is_empty_mask(material, mount):
    kernel = mountinfo.below(mount.point, "/proc") or mountinfo.below(mount.point, "/sys")
    if not kernel or mount.filesystem != "tmpfs" or not mount.read_only:
        return False
    try:
        return not material.inside.names(mount.point)
    except ReadFailed:
        return False


def _mark_below_host_binds(mounts, rows):
    """A mount whose chain of parents holds a mount of role host lies under a host bind."""
    by_id = {mount.mount_id: index for index, mount in enumerate(mounts)}
    for mount, row in zip(mounts, rows):
        parent, steps = by_id.get(mount.parent_id), 0
        while parent is not None and steps < len(mounts):
            if rows[parent].get("role") == "host":
                row["under_host_bind"] = True
                break
            parent, steps = by_id.get(mounts[parent].parent_id), steps + 1


def _split_sources(material):
    """Host paths that name this very container go to the identity part."""
    sources, shared = {}, []
    for row in material.rows:
        copy = dict(row)
        if row.get("role") in ("rootfs", "volume", "runtime"):
            sources[row["point"]] = row["host_path"]
            del copy["host_path"]
        elif row.get("role", "host") != "host":
            copy["host_path"] = derive.without_ids(row["host_path"])
        shared.append(copy)
    material.identity.facts["mount_sources"] = sources
    distinct = {repr(sorted(row.items())): row for row in shared}
    ordered = sorted(distinct, key=lambda text: (distinct[text]["point"], text))
    material.put("mounts", [distinct[text] for text in ordered])


def _root_filesystem(material):
    roots = [mount for mount in material.mounts if mount.point == "/"]
    if not roots:
        material.missing("root_filesystem", "the container's root is not a mount of its own")
        return
    root = roots[-1]
    material.put("root_filesystem.read_only", root.read_only)
    material.put("root_filesystem.type", root.filesystem)
    material.put("root_filesystem.lower_layers", lower_layers(material.host, root))


def lower_layers(host, root):
    """Sorted names of the read-only layers of an overlay; other types share none.

    Docker's own ``-init`` layer belongs to one container and is left out.
    """
    names = set()
    for option in root.super_options if root.filesystem == "overlay" else ():
        key, _, value = option.partition("=")
        if key in ("lowerdir", "lowerdir+"):
            for path in value.replace("\\:", "\x00").split(":"):
                names.add(_layer_name(host, path.replace("\x00", ":")))
    return sorted(name for name in names if name and not name.endswith("-init"))


def _layer_name(host, path):
    parts = [part for part in path.split("/") if part]
    if len(parts) > 1 and parts[-1] in ("fs", "diff"):
        return parts[-2]
    if len(parts) > 1 and parts[-2] == "l" and path.startswith("/"):
        try:
            target = host.link(path).split("/")
        except ReadFailed:
            return parts[-1]
        return target[-2] if len(target) > 1 else parts[-1]
    return parts[-1] if parts else ""


def size_option(super_options):
    """Bytes of ``size=64m`` (tmpfs(5)), or None."""
    for option in super_options:
        key, _, value = option.partition("=")
        number, unit = value.rstrip("kKmMgGtT"), value[-1:].lower()
        if key == "size" and number.isdigit():
            return int(number) * UNITS.get(unit, 1)
        if key == "nr_blocks" and number.isdigit():
            return int(number) * UNITS.get(unit, 1) * PAGE_BYTES
    return None


def _tmpfs(material, mounts):
    """Writable private tmpfs of the container: what a process inside may fill."""
    found = {}
    for mount, row in zip(mounts, material.rows):
        private = row.get("role") == "tmpfs" or (
            row.get("role") == "runtime" and row["point"] == SHM
        )
        if private and mount.filesystem == "tmpfs" and not mount.read_only:
            found[mount.point] = size_option(mount.super_options) is not None
    rows = [{"path": path, "sized": found[path]} for path in sorted(found)]
    material.put("tmpfs", rows)


def _shared_memory(material):
    try:
        if not material.inside.exists(SHM):
            material.put("shared_memory_bytes", 0)
            return
    except ReadFailed as failure:
        material.failed("shared_memory_bytes", failure)
        return
    cover = mountinfo.covering(material.mounts, SHM)
    if cover is None or cover.filesystem not in ("tmpfs", "ramfs"):
        material.missing("shared_memory_bytes", "it is not a tmpfs", "", "a tmpfs there")
        return
    size = size_option(cover.super_options)
    material.put("shared_memory_bytes", size if size is not None else _default_size(material))


def _default_size(material):
    """A tmpfs without size holds half of the memory (tmpfs(5))."""
    try:
        for line in material.host.lines("/proc/meminfo"):
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024 // 2
    except Absent:
        pass
    return 0
