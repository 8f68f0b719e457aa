"""When to try again: exponential, jitter after the cap, and the server's word as a floor."""

import os

FIRST_SECONDS = 5.0
HEARTBEAT_CAP_SECONDS, OTHER_CAP_SECONDS = 180.0, 600.0
REVOKED_SECONDS = 6 * 3600.0


def uniform(low, high):
    """A number between ``low`` and ``high``, each equally likely."""
    return low + (high - low) * int.from_bytes(os.urandom(6), "big") / 2**48


class Backoff:
    """Failures in a row of one path. ``pick(low, high)`` draws uniformly; tests pass their own."""

    def __init__(self, cap_seconds, pick=uniform):
        self.cap_seconds = cap_seconds
        self.failures = 0
        self._pick = pick

    def clear(self):
        """The path works again."""
        self.failures = 0

    def next_seconds(self, retry_after=0.0):
        """Seconds until the next try. Jitter before the cap would line all agents up at it."""
        base = min(self.cap_seconds, FIRST_SECONDS * 2 ** min(self.failures, 20))
        self.failures += 1
        if retry_after > 0:
            return max(retry_after, base) * self._pick(1.0, 1.5)
        return base * self._pick(0.5, 1.5)
