"""Reading the host below one root folder, bounded, and never following a link out of it.

``Host`` is the only door through which collectors see the machine: every path is absolute as the
host writes it (``/proc/1/status``) and is looked up below ``root`` (``/`` or ``/host``).
Three named failures keep "not there", "not allowed" and "broken" apart, because a check must answer
*unknown* for the last two and may answer *pass* or *fail* for the first.
"""

import contextlib
import errno
import os
import stat

from .secret_text import cleaned_value

DEFAULT_MAX_BYTES = 262_144
RECORD_BYTES = 65_536
MAX_LINKS = 40  # as MAXSYMLINKS in path_resolution(7)


class ReadFailed(Exception):
    """A path could not be read; ``errno_name`` is the symbolic error (``EIO``)."""

    def __init__(self, path, errno_name):
        super().__init__("%s: %s" % (path, errno_name))
        self.path = path
        self.errno_name = errno_name


class Absent(ReadFailed):
    """The path does not exist: the kernel or host lacks the feature."""


class Denied(ReadFailed):
    """The path exists, but this agent may not read it."""


def named_failure(path, error):
    """The named failure for an ``OSError`` raised while reading ``path``."""
    name = errno.errorcode.get(error.errno, str(error.errno))
    # ESRCH: the process ended while its /proc entry was being read (proc(5)).
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ESRCH, errno.ENXIO, errno.ENODEV):
        return Absent(path, name)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Denied(path, name)
    return ReadFailed(path, name)


def printable(raw):
    r"""Text from host bytes: UTF-8 as sent, every other byte written as ``\xNN``."""
    text = raw.decode("utf-8", "backslashreplace")
    return text.replace("\x00", "\\x00")


class Host:
    """The machine below ``root``. Methods take absolute host paths and raise only ReadFailed."""

    def __init__(self, root="/"):
        self.root = os.path.abspath(root)
        self.blocked_mounts = frozenset()  # mount ids that a walk must not enter
        self.is_local_root = self.root == "/"
        self.kept = None  # what ``once`` gave, while one collection lasts

    def once(self, name, read):
        """``read()``, in a collection only at the first call of that name."""
        if self.kept is None:
            return read()
        if name not in self.kept:
            self.kept[name] = read()
        return self.kept[name]

    def read_bytes(self, path, max_bytes=DEFAULT_MAX_BYTES):
        """At most ``max_bytes`` of a regular or kernel file; never blocks on a FIFO."""
        fd = self._open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            kind = os.fstat(fd).st_mode
            if not stat.S_ISREG(kind):
                raise ReadFailed(path, "not a regular file")
            return _read_descriptor(fd, max_bytes)
        except OSError as error:
            raise named_failure(path, error) from None
        finally:
            os.close(fd)

    def read(self, path, max_bytes=DEFAULT_MAX_BYTES):
        """``read_bytes`` as printable text."""
        return printable(self.read_bytes(path, max_bytes))

    def line(self, path):
        """The stripped content of a one-line file, inner white space folded to one space."""
        return " ".join(self.read(path, 65_536).split())

    def lines(self, path, max_bytes=DEFAULT_MAX_BYTES):
        """The lines of a file without their ends; empty lines are kept."""
        text = self.read(path, max_bytes)
        # Not splitlines(): it also splits at U+2028, FF and others that hostile names may hold.
        return text[:-1].split("\n") if text.endswith("\n") else text.split("\n") if text else []

    def names(self, path):
        """Sorted entry names of a folder."""
        fd = self._open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return sorted(os.listdir(fd))
        except OSError as error:
            raise named_failure(path, error) from None
        finally:
            os.close(fd)

    def link(self, path):
        """The text of a symbolic link, not followed (``pid:[4026531836]``)."""
        folder, name = os.path.split(path)
        try:
            if self.is_local_root:
                return os.readlink(path)
            with self._at(folder) as fd:
                return os.readlink(name, dir_fd=fd)
        except OSError as error:
            raise named_failure(path, error) from None

    def stat(self, path):
        """``os.stat_result`` of the path itself (``lstat(2)``)."""
        folder, name = os.path.split(path.rstrip("/") or "/")
        try:
            if self.is_local_root and not self.blocked_mounts:
                return os.stat(path.rstrip("/") or "/", follow_symlinks=False)
            with self._at(folder) as fd:
                if self.blocked_mounts:
                    return self._stat_unblocked(name, fd, path)
                return os.stat(name or ".", dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            raise named_failure(path, error) from None

    def handle(self, path):
        """An O_PATH descriptor of the path itself: needs no right to list the folder it lies in."""
        folder, name = os.path.split(path)
        try:
            with self._at(folder) as fd:
                return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
        except OSError as error:
            raise named_failure(path, error) from None

    def exists(self, path):
        """True when the path is there; Denied and other failures are raised, not hidden."""
        try:
            self.stat(path)
        except Absent:
            return False
        return True

    def folder(self, path):
        """A ``Folder``: many entries of one directory for one walk. Use it with ``with``."""
        return Folder(path, self._open(path, os.O_RDONLY | os.O_DIRECTORY))

    def inside(self, pid):
        """The same door for the root of process ``pid``: hostile, so links are always contained."""
        return ContainedHost("%s/proc/%d/root" % (self.root.rstrip("/"), pid))

    def _stat_unblocked(self, name, folder_fd, path):
        """stat through a descriptor, so that a blocked mount at ``name`` itself is seen first."""
        flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name or ".", flags, dir_fd=folder_fd)
        try:
            self._refuse_blocked(fd, path)
            return os.fstat(fd)
        finally:
            os.close(fd)

    @contextlib.contextmanager
    def _at(self, folder):
        """A descriptor of ``folder``, good for *at() calls only; closed at the end."""
        if self.is_local_root:
            stack = [os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        else:
            stack = [self._open_root()]
        try:
            if not self.is_local_root:
                self._walk(stack, folder)
            yield stack[-1]
        finally:
            for fd in stack:
                os.close(fd)

    def _open_root(self):
        """The root itself may be a magic link (/proc/<pid>/root): follow that one only."""
        return os.open(self.root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _open(self, path, flags):
        if self.is_local_root:
            try:
                return os.open(path, flags | os.O_CLOEXEC)
            except OSError as error:
                raise named_failure(path, error) from None
        return self._open_contained(path, flags)

    def _open_contained(self, path, flags):
        """Walk step by step with dir_fd: an absolute link would else resolve in our own root."""
        try:
            with self._at(path) as fd:
                return _reopen(fd, path, flags)
        except OSError as error:
            raise named_failure(path, error) from None

    def _walk(self, stack, path):
        """Push a descriptor of each step of ``path`` on ``stack``, its links followed inside."""
        todo, links = [part for part in path.split("/") if part][::-1], 0
        while todo:
            part = todo.pop()
            if part in (".", ".."):
                if part == ".." and len(stack) > 1:
                    os.close(stack.pop())
                continue
            fd = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=stack[-1])
            stack.append(fd)
            self._refuse_blocked(fd, path)
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                continue
            os.close(stack.pop())
            links += 1
            if links > MAX_LINKS:
                raise ReadFailed(path, "ELOOP")
            target = os.readlink(part, dir_fd=stack[-1])
            while target.startswith("/") and len(stack) > 1:
                os.close(stack.pop())
            todo.extend(step for step in reversed(target.split("/")) if step)

    def _refuse_blocked(self, fd, path):
        """Stop before a mount whose server may never answer (network, FUSE) is asked anything."""
        if not self.blocked_mounts:
            return
        with open("/proc/self/fdinfo/%d" % fd) as file:
            for line in file:
                if line.startswith("mnt_id:") and int(line.split()[1]) in self.blocked_mounts:
                    raise ReadFailed(path, "on a network or user-space file system")


def _reopen(fd, path, flags):
    """Open what ``fd`` (O_PATH) stands for. A device or FIFO that a container put there is not
    opened: that alone can act (watchdog(4), a tape that rewinds)."""
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ReadFailed(path, "not a regular file")
    if flags & os.O_DIRECTORY and not stat.S_ISDIR(mode):
        raise Absent(path, "ENOTDIR")
    return os.open("/proc/self/fd/%d" % fd, flags | os.O_CLOEXEC)


class Folder:
    """An open directory; names are relative to it and their last part is never a followed link.

    Meant for kernel file systems (``/proc/<pid>``, a cgroup), whose middle parts are no links.
    """

    def __init__(self, path, fd):
        self.path = path
        self.fd = fd

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def read(self, name, max_bytes=DEFAULT_MAX_BYTES):
        """At most ``max_bytes`` of a regular or kernel file as printable text."""
        return self._read(name, lambda fd: _read_descriptor(fd, max_bytes))

    def record(self, name):
        """``read`` for a file that the kernel gives in one piece, such as /proc/<pid>/stat: one
        call instead of two, which counts with thousands of processes."""
        return self._read(name, lambda fd: os.read(fd, RECORD_BYTES))

    def _read(self, name, read):
        fd = None
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(name, flags, dir_fd=self.fd)
            return printable(read(fd))
        except OSError as error:
            raise named_failure(self.path + "/" + name, error) from None
        finally:
            if fd is not None:
                os.close(fd)

    def names(self):
        """Sorted names of the entries."""
        try:
            return sorted(os.listdir(self.fd))
        except OSError as error:
            raise named_failure(self.path, error) from None

    def stat(self, name):
        """``os.stat_result`` of the entry itself, or None when it is gone or hidden."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            return None

    def link(self, name):
        """The text of a symbolic link, not followed."""
        try:
            return os.readlink(name, dir_fd=self.fd)
        except OSError as error:
            raise named_failure(self.path + "/" + name, error) from None


def _read_descriptor(fd, max_bytes):
    """Up to ``max_bytes``: kernel files may answer in parts, so read to the end or the cap."""
    parts, left = [], max_bytes
    while left > 0:
        part = os.read(fd, min(left, 65_536))
        if not part:
            break
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


class ContainedHost(Host):
    """A ``Host`` that never takes the fast path, for roots whose owner may be an attacker."""

    def __init__(self, root):
        super().__init__(root)
        self.is_local_root = False
        self._root = None

    def _open_root(self):
        """Looked up once: opening another process's root is dear, and it stays the same root."""
        if self._root is None:
            self._root = super()._open_root()
        return os.dup(self._root)

    def __del__(self):
        if self._root is not None:
            os.close(self._root)


class Section:
    """The facts of one wire section, and for each missing one the reason (``facts.md`` rule 2)."""

    def __init__(self):
        self.facts = {}
        self.unknowns = []

    def missing(self, path, reason, errno_name="", needs=""):
        """Record that ``path`` (exact or a prefix, ``kernel.config``) could not be collected."""
        entry = {"path": path, "reason": reason}
        if errno_name:
            entry["errno"] = errno_name
        if needs:
            entry["needs"] = needs
        self.unknowns.append(entry)

    def failed(self, path, failure, needs=""):
        """Record a ``ReadFailed`` as the reason why ``path`` is missing."""
        if isinstance(failure, Absent):
            reason = "not present on this host"
        elif isinstance(failure, Denied):
            reason = "not allowed to read"
        else:
            reason = "could not be read"
        self.missing(path, reason, failure.errno_name, needs)

    def as_body(self, key=b""):
        """The wire body: ``{"facts": …, "unknowns": […]}`` with a stable order of unknowns.

        What looks like a secret in the facts leaves the host as a mark; ``key`` as in ``cleaned``.
        """
        return {
            "facts": cleaned_value(self.facts, key),
            "unknowns": sorted(self.unknowns, key=lambda entry: entry["path"]),
        }
