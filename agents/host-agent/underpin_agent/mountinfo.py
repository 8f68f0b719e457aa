"""``/proc/<pid>/mountinfo`` (proc_pid_mountinfo(5)): parsing, and which mount holds a path."""

import re
from collections import namedtuple

from .reading import ReadFailed

_OCTAL = re.compile(r"\\([0-7]{3})")
MAX_BYTES = 4_194_304
MAX_ROWS = 10_000


FIELDS = (
    *("mount_id", "parent_id", "device", "root", "point", "options", "tags", "filesystem"),
    *("source", "super_options"),
)


class Mount(namedtuple("Mount", FIELDS)):
    """One line. ``device`` is "254:0", ``options`` are mount flags, ``super_options`` those of the
    superblock, ``tags`` like "shared:1" and "master:2"."""

    __slots__ = ()

    @property
    def read_only(self):
        """True when the mount or its superblock is read-only."""
        return "ro" in self.options or "ro" in self.super_options


class Table(list):
    """Mounts; a later one covers an earlier one. ``cut``: there are more than these."""

    __slots__ = ("cut",)


def unescape(text):
    r"""``a b`` of ``a\040b``: the kernel writes space, tab, newline and backslash in octal."""
    if "\\" not in text:
        return text
    return _OCTAL.sub(lambda match: chr(int(match.group(1), 8)), text)


def parse(text):
    """The ``Table`` of the first ``MAX_ROWS`` mounts in the order of the kernel."""
    lines = text.split("\n", MAX_ROWS)
    table = Table(row for row in map(_parse_line, lines[:MAX_ROWS]) if row is not None)
    table.cut = len(text) >= MAX_BYTES or any(lines[MAX_ROWS:])
    return table


def _parse_line(line):
    fields = line.split(" ")
    try:
        dash = fields.index("-", 6)
        return Mount(
            mount_id=int(fields[0]),
            parent_id=int(fields[1]),
            device=fields[2],
            root=unescape(fields[3]),
            point=unescape(fields[4]),
            options=tuple(fields[5].split(",")),
            tags=tuple(fields[6:dash]),
            filesystem=fields[dash + 1],
            source=unescape(fields[dash + 2]),
            super_options=tuple(fields[dash + 3].split(",")),
        )
    except (ValueError, IndexError):
        return None


def read_host_mounts(host):
    """Mounts of the host itself: of PID 1, which every agent that sees the host may read."""
    return host.once("mounts", lambda: _read_host_mounts(host))


def _read_host_mounts(host):
    try:
        return parse(host.read("/proc/1/mountinfo", MAX_BYTES))
    except ReadFailed:
        return parse(host.read("/proc/self/mountinfo", MAX_BYTES))


def below(path, folder):
    """True when ``path`` is ``folder`` or lies below it."""
    return folder == "/" or path == folder or path.startswith(folder + "/")


def covering(mounts, path):
    """The visible mount that holds ``path``: the longest point, of equal ones the last; or None."""
    best = None
    for mount in mounts:
        if below(path, mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best
