"""What the last round saw, on disk, so that a restart neither misses nor repeats an event.

Events come from differences. The new state and the events that follow from it are written in one
step, with the number the first of them will get; after a crash in between, the rest is appended.
"""

import contextlib
import json
import os
import zlib

from . import mark

NAME = "seen.json"
MAX_BYTES = 8_388_608
KEPT = (
    *("sections", "containers", "logins", "pending", "base", "epoch"),
    *("boot", "host_id", "stopped", "is_known"),
)


class Seen:
    """``sections``, ``containers`` and ``logins`` of the last round; ``boot`` and ``host_id``."""

    def __init__(self, folder):
        self.folder = folder
        self.is_there = False  # an earlier run left this state
        self.is_known = self.stopped = False  # it had seen a collection; it ended as it should
        self.boot = self.host_id = ""
        self.sections, self.containers, self.logins = {}, {}, {}
        self.pending, self.base, self.epoch = [], 0, 0
        self.when = 0.0

    def load(self):
        """Read what the run before left; nothing when it is missing or damaged."""
        path = os.path.join(self.folder, NAME)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(fd, "rb") as file:
                found = _checked(file.read(MAX_BYTES))
                self.when = os.fstat(file.fileno()).st_mtime
        except (OSError, ValueError):
            return
        if isinstance(found, dict) and found.get("v") == 1:
            self._take(found)

    def _take(self, found):
        for name in KEPT:
            if not isinstance(found.get(name), type(getattr(self, name))):
                return
        for name in KEPT:
            setattr(self, name, found[name])
        self.is_there = True

    def save(self):
        """Replace the file. Raises OSError."""
        value = {name: getattr(self, name) for name in KEPT}
        value["v"] = 1
        raw = json.dumps(value, separators=(",", ":")).encode()
        mark.replace(self.folder, NAME, b"%08x\n" % zlib.crc32(raw) + raw)

    def touch(self):
        """Note that the agent is alive, without writing the file again."""
        with contextlib.suppress(OSError):  # then the time of the last full round stands for it
            os.utime(os.path.join(self.folder, NAME))

    def unfinished(self, spool):
        """Payloads that a crash kept out of the spool."""
        if self.epoch != spool.mark.epoch or not self.pending:
            return []
        done = max(0, spool.last + 1 - self.base)
        return [text.encode() for text in self.pending[done:]]


def _checked(raw):
    """The value behind its sum. Raises ValueError when a bit is not what was written."""
    head, _newline, text = raw.partition(b"\n")
    if int(head, 16) != zlib.crc32(text):
        error = "the sum is wrong"
        raise ValueError(error)
    return json.loads(text)
