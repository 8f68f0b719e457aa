"""What one request takes from a store: events in order, and which numbers are missing and why."""

LOST, FULL, OLD, TOO_BIG, RESTORED = "lost", "full", "old", "too_big", "restored"
MAX_DROPS = 100


class Batch:
    """``rows`` of (sequence, payload) from ``first`` on; ``drops`` of [from, to, why]. ``last`` is
    the number that the server has everything up to, once it took this."""

    __slots__ = ("_left_bytes", "_left_rows", "_skip", "drops", "epoch", "first", "last", "rows")

    def __init__(self, epoch, first, *, rows, size, skip=frozenset()):
        self.epoch, self.first, self.last = epoch, first, first - 1
        self.rows, self.drops = [], []
        self._left_rows, self._left_bytes, self._skip = rows, size, skip

    def add(self, number, payload, why):
        """Take one event; False when it does not fit any more. Numbers left out before it were
        dropped. The first event always fits: the server may refuse it, this side must not hang."""
        if number in self._skip:
            self.close(number - 1, why)
            self.close(number, TOO_BIG)
            return True
        fits = len(payload) <= self._left_bytes and len(self.drops) < MAX_DROPS
        if self.rows and not (self._left_rows > 0 and fits):
            return False
        self.close(number - 1, why)
        self.rows.append((number, payload))
        self.last = number
        self._left_rows -= 1
        self._left_bytes -= len(payload) + 32
        return True

    def close(self, number, why):
        """Everything up to ``number`` that is not in ``rows`` was dropped."""
        if number <= self.last:
            return
        if self.drops and self.drops[-1][2] == why and self.drops[-1][1] == self.last:
            self.drops[-1][1] = number
        else:
            self.drops.append([self.last + 1, number, why])
        self.last = number


class Drops:
    """Why numbers are missing, as far as this process knows. ``losses`` are (count, why), for
    telling what happened."""

    __slots__ = ("_ranges", "losses")

    def __init__(self):
        self.losses, self._ranges = [], []

    def note(self, first, last, why, *, count):
        """``count`` events between two numbers were dropped."""
        self.losses.append((count, why))
        self.mark(first, last, why)

    def mark(self, first, last, why):
        """Numbers that are missing for a reason, without a loss to tell."""
        self._ranges.append((first, last, why))
        if len(self._ranges) > MAX_DROPS:  # a long outage: one range for all
            self._ranges = [(self._ranges[0][0], max(row[1] for row in self._ranges), FULL)]

    def forget(self, number):
        """The server knows of everything up to ``number``."""
        self._ranges = [row for row in self._ranges if row[1] > number]

    def reason(self, number):
        """Why the number is missing."""
        for first, last, why in self._ranges:
            if first <= number <= last:
                return why
        return LOST
