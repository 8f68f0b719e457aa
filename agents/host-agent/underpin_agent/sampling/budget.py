"""What may be spent: tokens for attention, and the own processor time of the last minute."""

HOT_TOKENS = 10.0  # what half a minute of attention costs
REFILL_PER_SECOND = 0.1
WINDOW_SECONDS = 60.0


class Bucket:
    """Tokens for attention."""

    __slots__ = ("at", "limit", "tokens")

    def __init__(self, limit):
        self.limit = self.tokens = limit
        self.at = None

    def take(self, now):
        """True when a hot phase may begin."""
        if self.at is not None:
            grown = (now - self.at) * REFILL_PER_SECOND
            self.tokens = min(self.limit, self.tokens + max(0.0, grown))
        self.at = now
        if self.tokens < HOT_TOKENS:
            return False
        self.tokens -= HOT_TOKENS
        return True


class Consumption:
    """Own processor time over the last minute, in cores."""

    __slots__ = ("points",)

    def __init__(self):
        self.points = []

    def note(self, now, total):
        """Remember the total so far, once a second."""
        points = self.points
        if not points or now - points[-1][0] >= 1.0:
            points.append((now, total))
        while len(points) > 1 and points[1][0] <= now - WINDOW_SECONDS:
            points.pop(0)

    def share(self, total):
        """What was used since the oldest point, over a whole minute."""
        return (total - self.points[0][1]) / WINDOW_SECONDS if self.points else 0.0

    def frees_at(self):
        """When the oldest point leaves the window."""
        return self.points[1][0] + WINDOW_SECONDS if len(self.points) > 1 else 0.0
