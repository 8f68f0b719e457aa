"""Repeats within a minute become one event with a count; class A is never folded.

The first of a row is kept at once, so that a crash loses no more than the count of its repeats.
"""

import hashlib

from .event import payload

WINDOW_SECONDS = 60
MAX_OPEN = 1_000


class Folding:
    """Remembers what was seen in the last minute."""

    def __init__(self):
        self.window_ms = WINDOW_SECONDS * 1000
        self._open = {}  # key -> [event, since, first, last, count]

    def offer(self, event, now_ms):
        """The events to keep now: this one, unless it repeats one of the last minute."""
        if event["class"] == "A":
            return [event]
        key = payload(
            {name: event.get(name) for name in ("kind", "stream", "who", "where", "what")}
        )
        held = self._open.get(key)
        if held is None or now_ms - held[1] >= self.window_ms:
            self._open[key] = [event, now_ms, None, None, 0]
            closed = _summary(held) if held else []
            return [*closed, event, *self._shrink()]
        held[2] = event["mono_ms"] if held[2] is None else held[2]
        held[3], held[4] = event["mono_ms"], held[4] + 1
        return []

    def is_due(self, now_ms):
        """True when ``due`` would give something."""
        return any(held[4] and now_ms - held[1] >= self.window_ms for held in self._open.values())

    def due(self, now_ms):
        """Counts whose minute is over, as events."""
        over = [key for key, held in self._open.items() if now_ms - held[1] >= self.window_ms]
        return [one for key in over for one in _summary(self._open.pop(key))]

    def all(self):
        """Every open count: the agent ends."""
        held, self._open = list(self._open.values()), {}
        return [one for row in held for one in _summary(row)]

    def _shrink(self):
        if len(self._open) <= MAX_OPEN:
            return []
        return _summary(self._open.pop(next(iter(self._open))))


def _summary(held):
    event, _since, first, last, count = held
    if not count:
        return []
    name = hashlib.sha256(("%s %d" % (event["id"], last)).encode()).hexdigest()[:32]
    times = {"mono_ms": last, "first_ms": first, "last_ms": last}
    return [{**event, **times, "id": name, "count": count}]
