"""The state folder: 0700, each file 0600 and replaced as a whole, so a crash leaves old or new."""

import errno
import fcntl
import json
import os
import stat

DEFAULT_FOLDER = "/var/lib/underpin-agent"
MAX_BYTES = 65_536


class StateError(Exception):
    """The state folder cannot be used; the text says why."""


class State:
    """JSON files below one folder. ``open`` it once; a second agent on it is refused."""

    def __init__(self, folder):
        self.folder = folder
        self._lock = None

    def open(self):
        """Create and lock the folder. Raises StateError."""
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            found = os.stat(self.folder)
            if found.st_uid != os.geteuid():
                raise StateError("%s belongs to another user" % self.folder)
            if stat.S_IMODE(found.st_mode) != 0o700:
                os.chmod(self.folder, 0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._lock = os.open(self._path("lock"), flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES) and self._lock is not None:
                text = "another agent runs with the state folder %s" % self.folder
                raise StateError(text) from None
            text = "state folder %s: %s" % (self.folder, error.strerror)
            raise StateError(text) from None

    def close(self):
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self, name):
        """The JSON object in ``name``, or ``{}`` when there is none or it is damaged."""
        try:
            fd = os.open(self._path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        with os.fdopen(fd, "rb") as file:
            try:
                found = json.loads(file.read(MAX_BYTES))
            except ValueError:
                return {}
        return found if isinstance(found, dict) else {}

    def write(self, name, value):
        """Replace ``name`` by ``value``; on disk when this returns. Raises StateError."""
        temporary = self._path(name + ".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(temporary, flags, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(json.dumps(value, sort_keys=True).encode())
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self._path(name))
            self._sync_folder()
        except OSError as error:
            text = "cannot write %s in %s: %s" % (name, self.folder, error.strerror)
            raise StateError(text) from None

    def erase(self, name):
        """Remove ``name``; nothing happens when it is not there."""
        try:
            os.unlink(self._path(name))
        except FileNotFoundError:
            return
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
    """An endless counter that never goes back, even after a crash: it is reserved in blocks."""
    following = state.read("counter.json").get("reserved", 0)
    while True:
        state.write("counter.json", {"reserved": following + block})
        yield from range(following + 1, following + block + 1)
        following += block
