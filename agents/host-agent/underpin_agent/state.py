"""The state folder: 0700, each file 0600 and replaced as a whole, so a crash leaves old or new.

A disk that is full or read-only, or a folder that is gone, must not stop the agent: what cannot be
written is held in memory, and written as soon as a later write works.
"""

import contextlib
import errno
import fcntl
import json
import os
import stat
import time

DEFAULT_FOLDER = "/var/lib/underpin-agent"
MAX_BYTES = 131_072
# Errors of the disk, not of the administrator.
DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


LOCKS = set()  # descriptors of this process
LOCK_TRIES, LOCK_PAUSE_SECONDS = 10, 0.1


def _leave_locks():
    """A collector that outlives its killed parent must not keep the next agent out."""
    while LOCKS:
        os.close(LOCKS.pop())


os.register_at_fork(after_in_child=_leave_locks)


def _locked(fd):
    """Lock the folder; False when another agent has it. A child just born may hold it a moment."""
    for attempt in range(LOCK_TRIES):
        if attempt:
            time.sleep(LOCK_PAUSE_SECONDS)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


class StateError(Exception):
    """The state folder cannot be used; the text says why."""


class Busy(StateError):
    """Another agent runs with this state folder."""


class State:
    """JSON files below one folder. ``open`` it once; a second agent on it is refused.

    ``trouble`` says why the disk holds less than ``read`` gives, "" when all is written."""

    def __init__(self, folder):
        self.folder = folder
        self.trouble = ""
        self._lock = None
        self._held = {}  # what was read or written; None for an erased file

    def open(self):
        """Create and lock the folder. Raises StateError, and Busy for a second agent."""
        try:
            self._prepare()
        except OSError as error:
            if error.errno not in DISK_TROUBLE:
                text = "state folder %s: %s" % (self.folder, error.strerror)
                raise StateError(text) from None
            self.trouble = error.strerror

    def _prepare(self):
        """The folder, ours and closed to others, under a lock that holds on a read-only disk."""
        if self._holds_folder():
            return
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._claim(fd)
        except BaseException:
            os.close(fd)
            raise
        self.close()
        self._lock = fd
        LOCKS.add(fd)

    def _claim(self, fd):
        if not _locked(fd):
            text = "another agent runs with the state folder %s" % self.folder
            raise Busy(text)
        found = os.fstat(fd)
        if found.st_uid != os.geteuid():
            text = "%s belongs to another user" % self.folder
            raise StateError(text)
        if stat.S_IMODE(found.st_mode) != 0o700:
            with contextlib.suppress(OSError):  # read-only disk: each file is checked anyway
                os.fchmod(fd, 0o700)

    def _holds_folder(self):
        try:
            return self._lock is not None and os.path.samestat(
                os.stat(self.folder), os.fstat(self._lock)
            )
        except OSError:
            return False

    def close(self):
        """Give the lock back."""
        if self._lock is not None:
            LOCKS.discard(self._lock)
            os.close(self._lock)
            self._lock = None

    def read(self, name):
        """The JSON object in ``name``, or ``{}`` when there is none or it is damaged.

        Raises StateError for a file that others may read: what it holds is no secret any more.
        """
        if name in self._held:
            return self._held[name] or {}
        try:
            fd = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            text = "cannot read %s: %s" % (self._path(name), error.strerror)
            raise StateError(text) from None
        with os.fdopen(fd, "rb") as file:
            if stat.S_IMODE(os.fstat(fd).st_mode) & 0o077:
                text = "%s may be read by others; remove it and enrol again" % self._path(name)
                raise StateError(text)
            try:
                found = json.loads(file.read(MAX_BYTES))
            except (ValueError, RecursionError, OSError):
                return {}
        self._held[name] = found if isinstance(found, dict) else {}
        return self._held[name]

    def write(self, name, value):
        """Replace ``name`` by ``value``. True when it is on disk, False when in memory only.

        Raises StateError when the folder is somebody else's by now.
        """
        self._held[name] = value
        return self._flush([name])

    def erase(self, name):
        """Remove ``name``; nothing happens when it is not there. Returns as ``write``."""
        self._held[name] = None
        return self._flush([name])

    def _flush(self, names):
        """Write ``names``, and all the rest once the disk works again."""
        try:
            if self.trouble or not self._holds_folder():
                self._prepare()
                names = list(self._held)
            for name in names:
                self._store(name, self._held[name])
        except OSError as error:
            self.trouble = error.strerror or "error"
            return False
        self.trouble = ""
        return True

    def _store(self, name, value):
        if value is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(name))
                self._sync_folder()
            return
        temporary = self._path(name + ".new")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)  # left by a crash
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(json.dumps(value, sort_keys=True).encode())
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, self._path(name))
        self._sync_folder()

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _sync_folder(self):
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def reserved_counter(state, block=1000):
    """An endless counter that never goes back, even after a crash: it is reserved in blocks.

    Without a disk the clock takes the place of the reserved block: a restart goes on above it.
    """
    following = state.read("counter.json").get("reserved", 0)
    if isinstance(following, bool) or not isinstance(following, int):
        following = 0
    while True:
        if not state.write("counter.json", {"reserved": following + block}):
            following = max(following, int(time.time()))
            state.write("counter.json", {"reserved": following + block})
        yield from range(following + 1, following + block + 1)
        following += block
