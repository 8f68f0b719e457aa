"""Events in memory while the disk takes none: its own epoch, a small bound, gone with the process.

An epoch of its own, because numbers that only memory knew would otherwise be given again after a
crash, and the server would take the new events for repetitions of the old ones.
"""

import os
from collections import deque

from .batch import FULL, RESTORED, Batch, Drops
from .pieces import LESSER

MAX_BYTES, ROW_BYTES = 524_288, 120  # what Python needs beside the payload


class Ring:
    """The same promises as ``Spool`` except for surviving the process."""

    def __init__(self, max_bytes=MAX_BYTES):
        self.epoch = int.from_bytes(os.urandom(8), "little") or 1
        self.max_bytes = max_bytes
        self.last = self.acked = 0
        self.drops = Drops()
        self._rows, self._size, self._restored = deque(), 0, 0

    def append(self, payload):
        """Keep one event; returns its number."""
        self.last += 1
        self._rows.append((self.last, payload))
        self._size += len(payload) + ROW_BYTES
        while self._size > self.max_bytes and len(self._rows) > 1:
            self._drop_one()
        return self.last

    def _drop_one(self):
        """The oldest event of the least important class goes first."""
        for word in LESSER:
            for row in self._rows:
                if word in row[1]:
                    self._rows.remove(row)
                    self._forget(row)
                    return
        self._forget(self._rows.popleft())

    def _forget(self, row):
        self._size -= len(row[1]) + ROW_BYTES
        self.drops.losses.append((1, FULL))

    def batch(self, *, rows, size, skip=frozenset()):
        """What to send next, or None."""
        if self.last <= self.acked:
            return None
        taken = Batch(self.epoch, self.acked + 1, rows=rows, size=size, skip=skip)
        for number, payload in self._rows:
            if not taken.add(number, payload, self._reason(number - 1)):
                return taken
        taken.close(self.last, self._reason(self.last))
        return taken

    def _reason(self, number):
        return RESTORED if number <= self._restored else FULL

    def sending(self, last):
        """Nothing to make durable here."""

    def acknowledge(self, number):
        """The server has everything up to ``number``."""
        self.acked = max(self.acked, min(number, self.last))
        while self._rows and self._rows[0][0] <= self.acked:
            row = self._rows.popleft()
            self._size -= len(row[1]) + ROW_BYTES

    def rewind(self, number):
        """The server has only what is up to ``number``; what it had is no longer here."""
        if number < self.acked:
            self._restored, self.acked = self.acked, max(number, 0)
