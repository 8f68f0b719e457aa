"""Folding looks into rows: counters at start and end, least, median and greatest of the gauges.

A counter begins where the row before ended, so nothing between two rows is lost. Rates are
gauges: computed between two looks, they show how uneven a window was. Windows are aligned to the
seconds since boot, which no one can set.
"""

LONG, SHORT = 300, 10
MAX_VALUES = 160  # of one gauge: 300 s every 2 s


class Look:
    """One reading of one target at ``at`` (seconds since boot)."""

    __slots__ = ("at", "counters", "gauges")

    def __init__(self, at, counters, gauges):
        self.at, self.counters, self.gauges = at, counters, gauges


class Window:
    """The row in the making of one target and length."""

    __slots__ = ("first", "gauges", "key", "last", "length", "marks", "start")

    def __init__(self, key, length, look):
        self.key, self.length = key, length
        self.first = self.last = look
        self.start = _start(look.at, length)
        self.gauges, self.marks = {}, set()

    def add(self, look, rates):
        """Take a look and the rates since the one before. A new Window when this one is full."""
        following = None
        if _start(look.at, self.length) != self.start:
            following = Window(self.key, self.length, self.last)
            following.start = _start(look.at, self.length)
        target = following or self
        if _fell(target.last, look):
            target.marks.add("restarted")
            target.first = Look(target.first.at, dict.fromkeys(look.counters, 0), {})
        target.last = look
        for name, value in (*look.gauges.items(), *rates.items()):
            values = target.gauges.setdefault(name, [])
            if len(values) < MAX_VALUES:
                values.append(value)
        return following

    def row(self, boot):
        """The wire row, or None when there were not two looks to compare."""
        span = self.last.at - self.first.at
        if span <= 0 or not self.gauges:
            return None
        row = {
            "k": self.key,
            "b": boot,
            "at": self.start,
            "w": self.length,
            "d": round(span, 2),
            "c": self._counters(),
            "g": {name: spread(values) for name, values in sorted(self.gauges.items())},
        }
        if self.marks:
            row["q"] = sorted(self.marks)
        return row

    def _counters(self):
        found = {}
        for name, end in sorted(self.last.counters.items()):
            start = self.first.counters.get(name)
            if start is not None:
                found[name] = [end] if start == end else [start, end]
        return found


def _start(at, length):
    return int(at // length) * length


def _fell(before, now):
    return any(now.counters.get(name, value) < value for name, value in before.counters.items())


def spread(values):
    """``[least, median, greatest]``; one number stands for three equal ones."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    three = [_short(one) for one in (ordered[0], median, ordered[-1])]
    return three[:1] if three[0] == three[2] else three


def _short(value):
    if isinstance(value, int):
        return value
    return int(value) if value == int(value) else float("%.4g" % value)
