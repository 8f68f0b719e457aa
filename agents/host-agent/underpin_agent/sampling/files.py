"""Reading kernel files of the host quickly: no link is followed at the end, nothing is kept open.

The paths come from the mount table and from folder names of the control group tree, which the
kernel writes and no container can replace; other files are read through ``reading.Host``.
"""

import os

FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
MAX_BYTES = 65_536


class Files:
    """Kernel files below ``root`` (``/`` or ``/host``)."""

    __slots__ = ("prefix",)

    def __init__(self, root="/"):
        self.prefix = root.rstrip("/")

    def read(self, path):
        """The bytes of a kernel file, or None when it is not there or not readable."""
        try:
            descriptor = os.open(self.prefix + path, FLAGS)
        except OSError:
            return None
        try:
            first = os.read(descriptor, MAX_BYTES)
            if len(first) < 4_000:  # the kernel gives a short file whole, a longer one by the page
                return first
            return first + self._rest(descriptor, MAX_BYTES - len(first))
        except OSError:
            return None
        finally:
            os.close(descriptor)

    @staticmethod
    def _rest(descriptor, left):
        parts = []
        while left > 0:
            part = os.read(descriptor, left)
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def number(self, path):
        """The whole number a file holds, or None; ``max`` is None too."""
        return whole(self.read(path))

    def table(self, path):
        """``{name: number}`` of a file of such pairs, or None when it cannot be read."""
        raw = self.read(path)
        return None if raw is None else pairs(raw)


def whole(raw):
    """The number in ``raw``, or None."""
    text = (raw or b"").strip()
    return int(text) if text.isdigit() else None


def pairs(raw):
    """``{name: number}`` of lines ``name number``; other lines are passed over."""
    found = {}
    for line in raw.split(b"\n"):
        name, _space, value = line.partition(b" ")
        if value.isdigit():
            found[name.decode("ascii", "replace")] = int(value)
    return found


def pressure_totals(raw):
    """``{"some": µs, "full": µs}`` of a pressure file (Documentation/accounting/psi.rst)."""
    found = {}
    for line in (raw or b"").split(b"\n"):
        kind, _space, rest = line.partition(b" ")
        total = rest.rpartition(b"total=")[2]
        if kind in (b"some", b"full") and total.isdigit():
            found[kind.decode()] = int(total)
    return found


def folders_below(path):
    """Sorted names of the folders in ``path``; ``[]`` when it cannot be listed.

    A folder with two links holds none: the kernel counts them, which saves listing every leaf.
    """
    try:
        if os.stat(path).st_nlink == 2:
            return []
        with os.scandir(path) as entries:
            return sorted(one.name for one in entries if one.is_dir(follow_symlinks=False))
    except OSError:
        return []
