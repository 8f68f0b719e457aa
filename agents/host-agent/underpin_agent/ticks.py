"""When the next round and the next full index are due. Every host has its own phase, so that a
fleet started in one minute does not call in one second."""

import hashlib
import math
import time

DAY_SECONDS = 86_400.0
JITTER = 0.05
RECENT_BOOT_SECONDS = 180.0


def phase_of(host_id):
    """A number from 0 to 1 (excluded) that is the same for a host at all times."""
    return int.from_bytes(hashlib.sha256(host_id.encode()).digest()[:6], "big") / 2**48


def seconds_until_tick(now, interval, phase, pick):
    """Seconds until the next tick of the host's own grid, moved by up to 5 % of the interval.

    Ticks missed meanwhile (a suspended machine, a long round) are not made up for. A tick less
    than half an interval away counts as the present one.
    """
    offset = phase * interval
    number = math.ceil((now + interval / 2 - offset) / interval)
    return number * interval + offset - now + interval * pick(-JITTER, JITTER)


def wait_after_boot(host, pick):
    """Seconds to wait before the first request: hosts that boot together must not call together."""
    try:
        uptime = float(host.line("/proc/uptime").split()[0])
    except Exception:  # noqa: BLE001 a wait is not worth failing for
        return 0.0
    return pick(0.0, 60.0) if uptime < RECENT_BOOT_SECONDS else 0.0


class FullIndex:
    """The daily full index, a self-check. The wall clock only carries its age over a restart; a
    wrong one makes it a day early or late at most."""

    def __init__(self, host_id, saved_at, *, clock=time.monotonic, wall=time.time):
        self._clock, self._wall = clock, wall
        age = wall() - saved_at if saved_at else DAY_SECONDS * (1 - phase_of(host_id))
        self._due = clock() + (DAY_SECONDS - age if 0 <= age <= DAY_SECONDS else 0.0)
        self.saved_at = saved_at or int(wall() - age)

    def is_due(self):
        """Whether a day has passed."""
        return self._clock() >= self._due

    def done(self):
        """One was taken by the server now; one between the times does not move them."""
        if self.is_due():
            self._due = self._clock() + DAY_SECONDS
            self.saved_at = int(self._wall())
