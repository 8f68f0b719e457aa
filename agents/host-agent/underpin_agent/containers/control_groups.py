"""Paths of control groups in the trees the host mounts; version 1, 2 and hybrid."""

import os
from collections import namedtuple

from ..mountinfo import below
from ..reading import ReadFailed


class Group(namedtuple("Group", "version path levels")):
    """One controller's group of a process: ``path`` as in /proc/<pid>/cgroup, ``levels`` from the
    own folder up to the root as ((path, folder on the host), …)."""

    __slots__ = ()


class GroupTree:
    """The cgroup mounts of a host."""

    def __init__(self, host, mounts):
        self.host = host
        self._values = {}  # parents are shared by many containers: read each file once
        self._sibling_weights = {}
        self.v1 = {}
        self.v2 = None
        for mount in mounts:
            if mount.filesystem == "cgroup":
                for option in mount.super_options:
                    self.v1.setdefault(option, mount)
            elif mount.filesystem == "cgroup2" and self.v2 is None:
                self.v2 = mount

    def find(self, controller, cgroups):
        """The ``Group`` of ``controller`` in the rows of one process, or None."""
        for controllers, path in cgroups:
            if controller in controllers:
                return self._group(1, self.v1.get(controller), path)
        return self.unified(cgroups)

    def unified(self, cgroups):
        """The ``Group`` in the version 2 tree, or None."""
        for controllers, path in cgroups:
            if not controllers:
                return self._group(2, self.v2, path)
        return None

    def _group(self, version, mount, path):
        if mount is None or not below(path, mount.root):
            return None
        inner = path[len(mount.root.rstrip("/")) :].strip("/")
        parts = inner.split("/") if inner else []
        if ".." in parts:
            return None
        levels = []
        for count in range(len(parts), -1, -1):
            rest = "/".join(parts[:count])
            levels.append(("/" + rest, mount.point.rstrip("/") + ("/" + rest if rest else "")))
        return Group(version, path, tuple(levels))

    def value(self, folder, name):
        """The stripped text of one control file, or None when it is not there or not readable."""
        path = folder + "/" + name
        if path not in self._values:
            try:
                self._values[path] = self.host.line(path)
            except ReadFailed:
                self._values[path] = None
        return self._values[path]

    def child_values(self, folder, name, limit):
        """Texts of the control file ``name`` in the groups below ``folder``, at most ``limit``."""
        if (folder, name) not in self._sibling_weights:
            groups = self._folders(folder)[:limit]
            texts = (self.value("%s/%s" % (folder, one), name) for one in groups)
            self._sibling_weights[folder, name] = [text for text in texts if text is not None]
        return self._sibling_weights[folder, name]

    def _folders(self, folder):
        """Names of groups below ``folder``; in a control group everything else is a file."""
        try:
            with self.host.folder(folder) as opened, os.scandir(opened.fd) as entries:
                return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
        except (ReadFailed, OSError):
            return []


def main_path(cgroups):
    """The path that names the group: of memory, else of the unified tree, else of any tree."""
    rows = [path for controllers, path in cgroups if "memory" in controllers]
    rows += [path for controllers, path in cgroups if not controllers]
    rows += [path for _controllers, path in cgroups]
    deep = [path for path in rows if path != "/"]
    return (rows[:1] if rows[:1] != ["/"] else deep or rows)[0] if rows else ""
