"""Events on disk until the server has them: numbered, summed, bounded; no event is changed."""

import errno
import os
import time

from . import mark, pieces, segment
from .batch import FULL, LOST, OLD, RESTORED, Batch, Drops
from .pieces import LESSER, since_boot

MAX_BYTES, SEGMENT_BYTES, MIN_BYTES = 16_777_216, 262_144, 16_384
FREE_SHARE = 100  # one hundredth of the free space
KEEP_SECONDS = 7 * 86_400.0
SYNC_SECONDS = 5.0
ROOM = 0.9  # a full spool is thinned to this share, so that not every event thins it again


class Spool:
    """One folder. ``open`` it before use; every method raises OSError when the disk refuses."""

    def __init__(self, folder, *, max_bytes=MAX_BYTES, segment_bytes=SEGMENT_BYTES):
        self.folder, self.max_bytes, self.segment_bytes = folder, max_bytes, segment_bytes
        self.mark, self.last = mark.Mark(0), 0
        self.pieces = []
        self.drops = Drops()
        self._fd, self._synced, self._dirty = None, 0.0, False

    @property
    def epoch(self):
        """The random number that this row of sequences goes under."""
        return self.mark.epoch

    @property
    def acked(self):
        """The server has everything up to this number."""
        return self.mark.acked

    def open(self):
        """Find what an earlier run left; begin a new epoch when nothing says which it was."""
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        known = mark.read(self.folder)
        if known is None:
            newest = max(pieces.find(self.folder), key=lambda row: row[0].written, default=None)
            self.mark = mark.Mark(newest[1] if newest else _new_epoch())
        else:
            self.mark = known
        self.pieces = pieces.ours(self.folder, self.epoch)
        self.last = self.mark.sent
        if self.pieces:
            last, lost = pieces.last_given(self.pieces[-1], is_mark_known=known is not None)
            self.last = max(self.last, last)
            self.drops.losses += [(lost, LOST)] if lost else []
        if known is None:
            mark.write(self.folder, self.mark)

    def reset(self):
        """Forget everything and begin a new epoch: what is here belongs to another enrolment."""
        self.close()
        self.drops = Drops()
        if self.last > self.acked:
            self.drops.losses.append((self.last - self.acked, LOST))
        for piece in self.pieces:
            pieces.remove(piece.path)
        self.pieces, self.last = [], 0
        self.mark = mark.Mark(_new_epoch())
        mark.write(self.folder, self.mark)

    # ---- writing ------------------------------------------------------------------------------

    def append(self, payload):
        """Keep one event; returns its number. Raises OSError: then nothing was kept."""
        raw = segment.record_bytes(self.last + 1, payload)
        limit = self.limit()
        self._make_room(len(raw) + segment.HEAD.size, limit)
        bound = max(4_096, min(self.segment_bytes, limit // 4))
        if self._fd is None or self.pieces[-1].size + len(raw) > bound:
            self._begin()
        piece = self.pieces[-1]
        try:
            pieces.write(self._fd, raw)
        except OSError:
            fd, self._fd = self._fd, None
            pieces.give_up(fd, piece.size)
            raise
        piece.size += len(raw)
        piece.written, self._dirty = since_boot(), True
        self.last += 1
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()
        return self.last

    def sync(self):
        """Everything appended is on disk when this returns."""
        if self._fd is not None and self._dirty:
            os.fsync(self._fd)
            self._dirty = False
        self._synced = time.monotonic()

    def close(self):
        """Sync, and give the descriptor back."""
        if self._fd is not None:
            fd, self._fd = self._fd, None
            try:
                os.fsync(fd)
            finally:
                os.close(fd)

    def _begin(self):
        self.close()
        piece, self._fd = pieces.begin(self.folder, self.epoch, self.last + 1)
        if self.pieces and self.pieces[-1].first == piece.first:
            self.pieces.pop()  # it held nothing readable, and was written over
        self.pieces.append(piece)

    # ---- bounds -------------------------------------------------------------------------------

    def limit(self):
        """How many bytes the spool may have now. Raises OSError when that is next to nothing."""
        status = os.statvfs(self.folder)
        free = status.f_bavail * status.f_frsize + self.size()
        limit = min(self.max_bytes, free // FREE_SHARE)
        if limit < MIN_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return limit

    def size(self):
        """Bytes of all segments."""
        return sum(piece.size for piece in self.pieces)

    def _make_room(self, wanted, limit):
        if self.size() + wanted <= limit:
            return
        self.close()
        target = int(limit * ROOM) - wanted
        for word in LESSER:
            for piece in list(self.pieces):
                if self.size() <= target:
                    return
                self._thin(piece, word)
        while self.size() > target and self.pieces:
            self._drop_first(FULL)

    def _thin(self, piece, word):
        dropped = pieces.thin(piece, self.epoch, word)
        if dropped is not None:
            self.drops.note(dropped[0], dropped[1], FULL, count=dropped[2])
        if not piece.size:
            self.pieces.remove(piece)

    def _drop_first(self, why):
        piece = self.pieces.pop(0)
        if not self.pieces:
            self.close()
        last = self.pieces[0].first - 1 if self.pieces else self.last
        first = max(piece.first, self.acked + 1)
        if first <= last:
            self.drops.note(first, last, why, count=last - first + 1)
        pieces.remove(piece.path)

    # ---- delivering ---------------------------------------------------------------------------

    def batch(self, *, rows, size, skip=frozenset()):
        """What to send next, or None. Reads one segment at a time."""
        while self.pieces and since_boot() - self.pieces[0].written > KEEP_SECONDS:
            self._drop_first(OLD)
        if self.last <= self.acked:
            return None
        taken = Batch(self.epoch, self.acked + 1, rows=rows, size=size, skip=skip)
        for place, piece in enumerate(self.pieces):
            behind = self.pieces[place + 1].first if place + 1 < len(self.pieces) else self.last + 1
            if behind > taken.first and not _take(piece, taken, self.drops):
                return taken
        taken.close(self.last, self.drops.reason(self.last))
        return taken

    def sending(self, last):
        """Numbers up to ``last`` are about to be sent: they are on disk, and never given again."""
        self.sync()
        if last > self.mark.sent:
            self.mark.sent = last
            mark.write(self.folder, self.mark)

    def acknowledge(self, number):
        """The server has everything up to ``number``; whole segments below it go."""
        number = min(number, self.last)
        if number <= self.acked:
            return
        self.mark.acked = number
        self.mark.sent = max(number, self.mark.sent)
        self.drops.forget(number)
        try:
            mark.write(self.folder, self.mark)
        finally:
            self._remove_through(number)  # also on a full disk: it gives room back

    def _remove_through(self, number):
        while self.pieces:
            behind = self.pieces[1].first if len(self.pieces) > 1 else self.last + 1
            if behind > number + 1:
                return
            piece = self.pieces.pop(0)
            if not self.pieces:
                self.close()
            pieces.remove(piece.path)

    def rewind(self, number):
        """The server has only what is up to ``number``: send again what is still here."""
        if number >= self.acked:
            return
        self.drops.mark(number + 1, self.acked, RESTORED)
        self.mark.acked = max(number, 0)
        mark.write(self.folder, self.mark)


def _new_epoch():
    return int.from_bytes(os.urandom(8), "little") or 1


def _take(piece, taken, drops):
    """Add the events of one segment; False when the batch is full."""
    try:
        found = pieces.read(piece)
    except OSError:
        return True  # what it held becomes a hole, and is declared
    for number, payload in found.rows if found else ():
        why = FULL if found.thinned else drops.reason(number - 1)
        if number > taken.last and not taken.add(number, payload, why):
            return False
    return True
