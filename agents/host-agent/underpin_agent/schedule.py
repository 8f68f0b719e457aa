"""What one cycle reads: new and changed things at once, all others in turn, paid from a budget.

Pure: time and cost come in as numbers. An item is a section or a container; its cost is measured
each time and never assumed. All items are read again in turn, the oldest first, a batch of them
every few minutes, so that no cycle pays for all. What the budget cannot pay waits; ``trouble`` says
so.
"""

MAX_AGE_SECONDS = 900.0  # the promise: no fact is older (sampling.md, tier D)
LEAST_TURN_SECONDS = 300.0
BATCH_SECONDS = 180.0  # items share what is read of the host: some together cost less than apart
CPU_SHARE = 0.0014  # of one core: 84 ms of the 90 ms a minute; the rest is for requests
BURST_SECONDS, DEBT_SECONDS = 300.0, 1200.0  # what it may save up, and what it may owe
WEIGHT = 0.3  # of the newest cost in the moving average
FIRST_COST = 0.01  # seconds, until an item was measured
RETRY_SECONDS, MAX_RETRY_SECONDS = 900.0, 14_400.0
DEPENDENT = ("runtimes", "images", "network")  # sections that change when containers do


class Item:
    """One section or container. ``mark`` is what the process table shows of a container: another
    mark is another state. ``result`` is what the caller keeps of the last good reading."""

    __slots__ = ("cost", "due", "error", "failures", "mark", "read_at", "result", "retry_at")

    def __init__(self, mark=""):
        self.mark = mark
        self.due = True
        self.read_at = None  # of the last good reading
        self.cost = FIRST_COST
        self.failures, self.retry_at = 0, 0.0
        self.error = ""  # of the last reading, "" when it was good
        self.result = None


class Budget:
    """A bucket of CPU seconds, empty at first, that fills with ``share`` of a core. Debt beyond
    ``DEBT_SECONDS`` is forgiven: one costly reading must not silence the agent for hours."""

    def __init__(self, now, share=CPU_SHARE):
        self.share = share
        self.capacity = share * BURST_SECONDS
        self.tokens = 0.0
        self._at = now

    def refill(self, now):
        """Add what the time since the last call is worth."""
        self.tokens = min(self.capacity, self.tokens + max(0.0, now - self._at) * self.share)
        self._at = now

    def charge(self, seconds):
        """Pay for CPU that was used."""
        self.tokens = max(-self.share * DEBT_SECONDS, self.tokens - seconds)


class Schedule:
    """All items of one host, and which of them are next. A key is ``(kind, name)``."""

    def __init__(self, sections, now, budget=None):
        self.items = {("section", name): Item() for name in sections}
        self.budget = budget or Budget(now)
        self.rules = {}  # section or "containers": (on, least seconds between readings or None)
        self.first = True  # until everything was tried once: the first collection is not rationed
        self._seen = False
        self._ended_at, self._interval = now, 0.0
        self._turned_at = now

    def may_start(self, now):
        """Whether the budget pays for a look at the process table now."""
        self.budget.refill(now)
        return self.budget.tokens > 0 or (self.first and self.budget.tokens == 0)

    def observe(self, marks):
        """Take ``{container: mark}`` of the process table: new and changed ones are due."""
        gone = [key for key in self.items if key[0] == "container" and key[1] not in marks]
        for key in gone:
            del self.items[key]
        changed = bool(gone)
        for name, mark in marks.items():
            item = self.items.get(("container", name))
            if item is None:
                self.items["container", name] = Item(mark)
            elif item.mark != mark:
                item.mark, item.due = mark, True
            else:
                continue
            changed = True
        self._seen = True
        for name in DEPENDENT if changed else ():
            if ("section", name) in self.items:
                self.items["section", name].due = True

    def refresh(self, names=None):
        """Make all items due, or the sections in ``names``: on notification, with a new key."""
        for (kind, name), item in self.items.items():
            if names is None or (kind == "section" and name in names):
                item.due = True

    def plan(self, now, look=0.0):
        """``[(key, most)]`` in the order of reading. An item may start while the child has used
        less CPU than ``most`` seconds; None is no limit. ``look``: seconds it used already."""
        ready = {
            key: item
            for key, item in self.items.items()
            if item.retry_at <= now and self.is_on(key)
        }
        if self.first:
            return [(key, None) for key in sorted(ready, key=_section_first) if ready[key].due]
        tokens = self.budget.tokens
        urgent = max(tokens, look) + self.budget.capacity
        late = [key for key in _oldest(ready) if now - ready[key].read_at > self._most_age(key)]
        # Late ones come before news: else a container that changes all the time starves the rest.
        order = [(key, urgent) for key in late]
        news = [key for key in ready if self._is_due(key, now) and key not in late]
        order += [(key, urgent) for key in news if key[0] == "container"]
        order += [(key, tokens) for key in news if key[0] == "section"]
        return order + [(key, tokens) for key in self._turn(ready, now) if key not in late]

    def _turn(self, ready, now):
        """The oldest items that are not due yet, worth the share of the time since last time."""
        turn = self._turn_seconds()
        oldest = _oldest(ready)
        passed = now - self._turned_at
        overdue = bool(oldest) and now - ready[oldest[0]].read_at >= turn
        if passed < BATCH_SECONDS and not overdue:
            return
        share = passed / turn * self.total_cost()
        for key in oldest:
            age = now - ready[key].read_at
            if self._is_due(key, now) or age < (self._rule(key)[1] or 0):
                continue
            if share <= 0 and age < turn:
                return
            share -= ready[key].cost
            yield key

    def _turn_seconds(self):
        """So planned that an item read a batch too late still keeps the promise."""
        late = max(BATCH_SECONDS, 1.5 * self._interval)
        return max(LEAST_TURN_SECONDS, MAX_AGE_SECONDS - late)

    def _rule(self, key):
        kind, name = key
        return self.rules.get(name if kind == "section" else "containers", (True, None))

    def is_on(self, key):
        """Whether the configuration wants this item read at all."""
        return self._rule(key)[0]

    def _is_due(self, key, now):
        item, wanted = self.items[key], self._rule(key)[1]
        often = wanted is not None and wanted < MAX_AGE_SECONDS
        return item.due or (often and now - item.read_at >= wanted)

    def _most_age(self, key):
        return max(MAX_AGE_SECONDS, (self._rule(key)[1] or 0) + LEAST_TURN_SECONDS)

    def total_cost(self):
        """CPU seconds that reading everything once takes."""
        return sum(item.cost for item in self.items.values())

    def ended(self, now):
        """A cycle is over: the next one's share counts from here."""
        self._interval, self._ended_at = now - self._ended_at, now
        if self.first or now - self._turned_at >= BATCH_SECONDS:
            self._turned_at = now
        untried = any(
            item.read_at is None and not item.error and self.is_on(key)
            for key, item in self.items.items()
        )
        if self._seen and not untried:
            self.first = False

    def done(self, key, *, now, cost, result):
        """A good reading of ``key`` that took ``cost`` seconds of CPU."""
        item = self.items[key]
        known = item.read_at is not None
        item.cost = item.cost + WEIGHT * (cost - item.cost) if known else cost
        item.read_at, item.due, item.result = now, False, result
        item.failures, item.retry_at, item.error = 0, 0.0, ""

    def failed(self, key, *, now, reason):
        """The reading of ``key`` broke its child: tried again next time, then ever more rarely."""
        item = self.items[key]
        item.error, item.due = reason, True
        if item.failures:
            wait = RETRY_SECONDS * 2 ** min(item.failures - 1, 10)
            item.retry_at = now + min(wait, MAX_RETRY_SECONDS)
        item.failures += 1

    def trouble(self, now):
        """Why facts are older than promised, or ``""``. Failed items say so themselves."""
        ages = [
            now - item.read_at
            for key, item in self.items.items()
            if item.read_at is not None and not item.error and self.is_on(key)
            if now - item.read_at > self._most_age(key)
        ]
        oldest = max(ages, default=0.0)
        if oldest <= 2 * self._interval:
            return ""
        text = "facts are up to %d s old: the CPU budget of %.2f %% of a core allows no more"
        return text % (oldest, self.budget.share * 100)


def _oldest(items):
    """Keys that were read, the oldest first."""
    read = [(item.read_at, key) for key, item in items.items() if item.read_at is not None]
    return [key for _read_at, key in sorted(read)]


def _section_first(key):
    """Sections cost little and say most: when the first collection is cut, they are there."""
    return key[0] != "section", key
