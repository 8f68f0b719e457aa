"""Containers as folders of the control group tree: one cheap walk, no process is looked at.

Only folders that have folders below are listed: the link count of a leaf says so (kernfs counts
them), and leaves are most of a tree. LXC and systemd-nspawn put no id in the path; there the mount
namespace of a process inside gives the key, as in the discovery of facts.
"""

import os

from ..discovery import CONMON_SCOPE, ID, KEY_DIGITS
from ..mountinfo import read_host_mounts
from ..reading import ReadFailed
from .files import folders_below

MAX_FOLDERS, MAX_DEPTH = 20_000, 16
WALKED = ("memory", "cpuacct", "pids", "cpu")  # the first of these that version 1 mounts
CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "blkio")


class Trees:
    """Where control groups are mounted: ``v1`` maps a controller to its folder."""

    __slots__ = ("v1", "v2")

    def __init__(self, v1, v2):
        self.v1, self.v2 = v1, v2

    @property
    def walked(self):
        """The folder whose groups are looked through, ``""`` when none is mounted."""
        for name in WALKED:
            if name in self.v1:
                return self.v1[name]
        return self.v2


def find_trees(host):
    """The ``Trees`` of the host; empty when the mount table cannot be read."""
    v1, v2 = {}, ""
    try:
        mounts = read_host_mounts(host)
    except ReadFailed:
        return Trees(v1, v2)
    for mount in mounts:
        if mount.filesystem == "cgroup":
            for name in mount.super_options:
                if name in CONTROLLERS:
                    v1.setdefault(name, mount.point)
        elif mount.filesystem == "cgroup2" and not v2:
            v2 = mount.point
    return Trees(v1, v2)


class Group:
    """One container's group. ``folders`` maps a controller (or ``v2``) to its folder."""

    __slots__ = ("folders", "key", "memory_limit", "path", "pids_limit", "version")

    def __init__(self, key, path, version, folders):
        self.key, self.path, self.version, self.folders = key, path, version, folders
        self.memory_limit = self.pids_limit = None


def scan(files, trees, known):
    """``{key: Group}`` of the containers that have a group now; ``known`` is the last result.

    A container whose group moved or came anew gets a new ``Group``, others keep theirs.
    """
    found = {}
    for path, kind in _walk(files, trees.walked):
        key = _key(files, trees, path, kind)
        if key and key not in found:
            old = known.get(key)
            same = old is not None and old.path == path
            found[key] = old if same else _group(files, trees, key, path)
    return found


def _walk(files, top):
    """``(path, kind)`` below ``top`` of groups that are containers, outer ones first."""
    todo, seen = [("", 0)] if top else [], 0
    while todo and seen < MAX_FOLDERS:
        path, depth = todo.pop()
        for name in folders_below(files.prefix + top + path):
            seen += 1
            inner = path + "/" + name
            kind = _kind(name)
            if kind:
                yield inner, kind
            if depth < MAX_DEPTH:
                todo.append((inner, depth + 1))


def _kind(name):
    if ID.search(CONMON_SCOPE.sub("", name)):
        return "id"
    machine = name.startswith("machine-") and not name.startswith("machine-qemu")
    return "namespace" if machine or name.startswith("lxc.payload.") else ""


def _key(files, trees, path, kind):
    if kind == "id":
        return ID.findall(CONMON_SCOPE.sub("", path))[-1][:KEY_DIGITS]
    inode = _mount_namespace(files, trees.walked + path)
    return "ns-%d" % inode if inode else ""


def _mount_namespace(files, folder):
    """Inode of the mount namespace of any process in the group or below it, or 0."""
    todo = [folder]
    while todo:
        one = todo.pop()
        for pid in (files.read(one + "/cgroup.procs") or b"").split()[:1]:
            try:
                text = os.readlink("%s/proc/%d/ns/mnt" % (files.prefix, int(pid)))
                return int(text[text.index("[") + 1 : -1])
            except (OSError, ValueError):
                continue
        if len(todo) < 50:
            todo += [one + "/" + name for name in folders_below(files.prefix + one)]
    return 0


def _group(files, trees, key, path):
    folders = {name: point + path for name, point in trees.v1.items()}
    if trees.v2:
        folders["v2"] = trees.v2 + path
    folders = {
        name: folder for name, folder in folders.items() if os.path.isdir(files.prefix + folder)
    }
    version = 1 if any(name in trees.v1 for name in folders) else 2
    return Group(key, path, version, folders)


def read_limits(files, group):
    """Fill in the effective memory and process limits: the smallest over the path."""
    if group.version == 2:
        folder = group.folders.get("v2", "")
        group.memory_limit = _smallest(files, folder, group.path, "memory.max")
        group.pids_limit = _smallest(files, folder, group.path, "pids.max")
        return
    # Version 1 says its effective memory limit in memory.stat, which every sample reads.
    group.pids_limit = _smallest(files, group.folders.get("pids", ""), group.path, "pids.max")


def _smallest(files, folder, path, name):
    found = []
    for _step in range(path.count("/")):
        if not folder:
            break
        value = files.number(folder + "/" + name)
        if value is not None:
            found.append(value)
        folder = folder.rpartition("/")[0]
    return min(found, default=None)
