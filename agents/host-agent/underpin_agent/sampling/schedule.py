"""When to look at what: an adaptive interval under a fixed budget of processor time.

Pure: the time, the cost of each look and the own consumption are told; nothing is read or slept.
All times are seconds, costs are seconds of processor time, the budget is in cores.

A quiet target is looked at ever more seldom, one that changes every two seconds for half a minute.
Attention costs tokens, the host's from another bucket than the containers': noise of the host must
not spend what a container's incident needs. The budget stretches all intervals when it is short,
the cold ones most; over sixty seconds nothing may exceed twice the budget.
"""

import heapq

from .budget import WINDOW_SECONDS, Bucket, Consumption

HOST, CONTAINER, TASKS, GLANCE = "host", "container", "tasks", "glance"
# A glance every 6 s finds 10 throttled periods a second within 10 s, wherever they begin.
INTERVALS = {HOST: (10, 2, 30), CONTAINER: (10, 2, 60), TASKS: (30, 5, 120), GLANCE: (6, 6, 60)}
SHARES = {HOST: 0.1, GLANCE: 0.3, CONTAINER: 0.3, TASKS: 0.2}  # a tenth is for facts
COST_WEIGHT, RATE_WEIGHT = 0.3, 0.2
WARM_UP_SAMPLES, FIRST_SAMPLES, FIRST_SECONDS = 4, 6, 2.0
HOT_SECONDS, HOT_INTERVAL = 30.0, 2.0
BUCKETS = {HOST: 30.0, CONTAINER: 120.0}
JITTER, LATEST = 0.1, 0.95
PRESSURE_HALVES, PRESSURE_SECONDS = 0.4, 10.0
MAX_HOT = 30
DEFAULT_COST = 0.0002
FLOORS = {
    "pressure": 0.1,  # seconds of stall per second
    "cpu": 0.1,  # cores
    "throttled": 1.0,  # periods per second
    "forks": 100.0,
    "involuntary": 200.0,
}


class Target:
    """One thing to look at: the host, a container, its threads, or all containers at a glance."""

    __slots__ = (
        "cost",
        "hot_until",
        "key",
        "last_at",
        "next_at",
        "samples",
        "statistics",
        "tier",
        "version",
        "want",
    )

    def __init__(self, key, tier):
        self.key, self.tier = key, tier
        self.cost = None
        self.want = float(INTERVALS[tier][0])
        self.samples = self.version = 0
        self.statistics = {}
        self.last_at = None
        self.next_at = self.hot_until = 0.0

    def note_cost(self, cost):
        """Fold one measured cost into the running mean."""
        old = self.cost
        self.cost = cost if old is None else old + COST_WEIGHT * (cost - old)

    def activity(self, rates):
        """How far the rates are from usual, 1.0 being clearly unusual; folds them in."""
        worst = 0.0
        for name, rate in rates.items():
            mean, variance = self.statistics.get(name, (rate, 0.0))
            away = rate - mean
            usual = max(3 * variance**0.5, FLOORS[name])
            worst = max(worst, abs(away) / usual)
            grown = (1 - RATE_WEIGHT) * (variance + RATE_WEIGHT * away * away)
            self.statistics[name] = (mean + RATE_WEIGHT * away, grown)
        return worst if self.samples > WARM_UP_SAMPLES else 0.0


class Schedule:
    """Which target is next, and when. ``pick(low, high)`` gives the jitter."""

    def __init__(self, budget, pick):
        self.budget, self.pick = budget, pick
        self.targets = {}
        self.buckets = {tier: Bucket(limit) for tier, limit in BUCKETS.items()}
        self.consumption = Consumption()
        self.used = 0.0
        self.overruns = 0
        self.quiet = self.tasks_off = False
        # Heaps: the host and hot targets, the glance, and the patient rest.
        self._front, self._middle, self._back = [], [], []
        self._stretch, self._stretch_at = {}, None
        self._pressed_since = None
        self._halved = False

    def add(self, key, tier, now):
        """Look at a new target from now on: first looks come quickly, spread over two seconds."""
        if (tier, key) in self.targets:
            return
        target = self.targets[tier, key] = Target(key, tier)
        if tier == CONTAINER:
            target.want = FIRST_SECONDS
        self._push(target, now + (self.pick(0.0, FIRST_SECONDS) if tier == CONTAINER else 0.0))

    def remove(self, key, tier):
        """Stop looking."""
        self.targets.pop((tier, key), None)

    def is_hot(self, key, now):
        """True while a container has our attention."""
        target = self.targets.get((CONTAINER, key))
        return target is not None and target.hot_until > now

    def hot_keys(self, now):
        """Keys of all hot containers."""
        return [
            one.key
            for one in self.targets.values()
            if one.tier == CONTAINER and now < one.hot_until
        ]

    def note_used(self, now, total):
        """Tell the own processor time so far; sets how much may still be done."""
        self.used = total
        self.consumption.note(now, total)
        share = self.consumption.share(total)
        self.tasks_off = share > 2 * self.budget
        if share > 4 * self.budget and not self.quiet:
            self.quiet = True
            self.overruns += 1
        elif share < self.budget:
            self.quiet = False

    def note_pressure(self, now, share):
        """Tell the host's processor pressure; long pressure halves the budget."""
        if share <= PRESSURE_HALVES:
            self._pressed_since = None
        elif self._pressed_since is None:
            self._pressed_since = now
        since = self._pressed_since
        self._halved = since is not None and now - since >= PRESSURE_SECONDS

    def allowed(self):
        """The budget that holds now, in cores."""
        return self.budget / 2 if self._halved else self.budget

    def due(self, now):
        """``(target, 0.0)`` to look at now, else ``(None, seconds)`` to wait."""
        share = self.consumption.share(self.used)
        wait = 30.0
        own = self.budget
        limits = (self._front, 2 * own), (self._middle, 1.5 * own), (self._back, self.allowed())
        for heap, limit in limits:
            target = self._first(heap)
            if target is None:
                continue
            if self.quiet or share + self._cost(target) / WINDOW_SECONDS > limit:
                wait = min(wait, max(1.0, self.consumption.frees_at() - now))
            elif target.next_at <= now:
                heapq.heappop(heap)
                return target, 0.0
            else:
                wait = min(wait, target.next_at - now)
        return None, wait

    def sampled(self, target, now, cost, *, rates, alarm=False):
        """Tell the outcome of one look; plans the next. ``alarm`` is a trigger of its own right."""
        target.note_cost(cost)
        target.samples += 1
        target.last_at = now
        activity = target.activity(rates)
        if alarm or activity >= 1.0:
            self._heat(target, now)
        low, high = INTERVALS[target.tier][1:]
        if target.hot_until > now:
            target.want = HOT_INTERVAL
        elif target.tier == CONTAINER and target.samples < FIRST_SAMPLES:
            target.want = FIRST_SECONDS
        elif target.tier == TASKS and target.samples == 1:
            target.want = float(low)  # a rate needs two looks
        elif target.tier != GLANCE:
            target.want = self._cooler(target, activity, low, high)
        self._plan(target, now)

    def alarm(self, key, now):
        """A container needs a look at once: a glance or the kernel saw something."""
        target = self.targets.get((CONTAINER, key))
        if target is not None and target.hot_until <= now:
            self._heat(target, now)
            self._push(target, now)

    def interval(self, target):
        """Seconds until the next look by the budget, before jitter."""
        return target.want * self._stretched(target.tier, target.hot_until > (target.last_at or 0))

    def _cooler(self, target, activity, low, high):
        if target.samples == FIRST_SAMPLES and target.tier == CONTAINER:
            return float(INTERVALS[CONTAINER][0])
        if activity >= 0.5:
            return max(float(low), target.want / 2)
        return min(float(high), target.want * 1.25)

    def _heat(self, target, now):
        """Begin a hot phase when there are tokens and room; a running one costs nothing more."""
        if target.hot_until > now or target.tier not in BUCKETS:
            return
        if target.tier == CONTAINER and len(self.hot_keys(now)) >= MAX_HOT:
            return
        if self.buckets[target.tier].take(now):
            target.hot_until = now + HOT_SECONDS

    def _plan(self, target, now):
        if self._stretch_at is None or now - self._stretch_at >= 1.0:
            self._stretch, self._stretch_at = self._stretches(now), now
        stretch = self._stretched(target.tier, target.hot_until > now)
        seconds = target.want * stretch * self.pick(1 - JITTER, 1 + JITTER)
        # Jitter alone never takes an interval over its greatest, nor does being a little late.
        longest = LATEST * INTERVALS[target.tier][2] * stretch
        self._push(target, now + min(seconds, longest))

    def _stretched(self, tier, hot):
        return self._stretch.get((tier, hot), 1.0)

    def _stretches(self, now):
        """Factors by tier and warmth, from the cost of all targets at the interval they want."""
        use = {}
        for target in self.targets.values():
            warmth = (target.tier, target.hot_until > now)
            use[warmth] = use.get(warmth, 0.0) + self._cost(target) / target.want
        factors = {}
        for tier in SHARES:
            share = SHARES[tier] * self.allowed()
            hot, cold = use.get((tier, True), 0.0), use.get((tier, False), 0.0)
            if hot + cold > share:
                factors[tier, False] = max(1.0, cold / max(share - hot, 0.2 * share))
                factors[tier, True] = max(1.0, hot / (0.8 * share))
        return factors

    def _cost(self, target):
        return DEFAULT_COST if target.cost is None else target.cost

    def _push(self, target, at):
        target.next_at = at
        target.version += 1
        heap = self._middle if target.tier == GLANCE else self._back
        if target.tier == HOST or target.hot_until > at:
            heap = self._front
        heapq.heappush(heap, (at, target.version, target.tier, target.key))

    def _first(self, heap):
        """The target on top that still stands as planned; stale entries are dropped."""
        while heap:
            _at, version, tier, key = heap[0]
            target = self.targets.get((tier, key))
            if target is not None and target.version == version:
                return target
            heapq.heappop(heap)
        return None
