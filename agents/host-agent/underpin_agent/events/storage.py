"""Where events wait: on disk, and in memory while the disk refuses."""

import time

from .ring import Ring
from .spool import Spool

RETRY_SECONDS = 60.0


class Storage:
    """Keeps every event somewhere. ``append`` never fails; ``in_memory`` says what that costs."""

    def __init__(self, folder, *, say, clock=time.monotonic, **bounds):
        self.spool, self.ring = Spool(folder, **bounds), None
        self._say, self._clock = say, clock
        self._is_open = False
        self._refused_at = None

    def open(self):
        """Look at what is on disk; without a usable one, events stay in memory."""
        self._on_disk(self._open)

    def append(self, payload):
        """Keep one event."""
        if self._disk_may_work() and self._on_disk(lambda: self._append(payload)):
            if self._refused_at is not None:
                self._say("events are written to disk again")
            self._refused_at = None
            return
        if self.ring is None:
            self.ring = Ring()
        self.ring.append(payload)

    def sync(self):
        """What was appended survives a power cut when this returns, if the disk works at all."""
        if self._is_open:
            self._on_disk(self.spool.sync)

    def close(self):
        """Sync and let go."""
        if self._is_open:
            self._on_disk(self.spool.close)

    def reset(self):
        """Drop everything: it belongs to another enrolment."""
        self.ring = None
        if self._is_open:
            self._on_disk(self.spool.reset)

    def stores(self):
        """Where to take batches from, older events first."""
        found = [self.spool] if self._is_open else []
        if self.ring is not None and self.ring.last > self.ring.acked:
            found.append(self.ring)
        return found

    @property
    def in_memory(self):
        """True while events exist that a crash would lose, or the disk takes none."""
        if self._refused_at is not None:
            return True
        return self.ring is not None and self.ring.last > self.ring.acked

    def losses(self):
        """``[(number, why)]`` of events dropped since the last call."""
        found = []
        for store in (self.spool, self.ring):
            if store is not None:
                found += store.drops.losses
                store.drops.losses = []
        return found

    def _disk_may_work(self):
        """A disk that refused is asked again once a minute, not for every event."""
        if self._refused_at is None:
            return True
        return self._clock() - self._refused_at >= RETRY_SECONDS

    def _open(self):
        if not self._is_open:
            self.spool.open()
            self._is_open = True

    def _append(self, payload):
        self._open()
        self.spool.append(payload)

    def _on_disk(self, work):
        try:
            work()
        except OSError as error:
            if self._refused_at is None:
                self._say("events stay in memory: %s" % (error.strerror or error))
            self._refused_at = self._clock()
            return False
        return True
