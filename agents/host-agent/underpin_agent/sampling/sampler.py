"""One step at a time: ask the schedule what is due, look, fold the look into rows.

``clock`` gives seconds since boot, ``cpu`` the own processor time in seconds, ``agent_cpu`` that of
the whole agent in microseconds; tests bring their own.
"""

from ..mountinfo import read_host_mounts
from ..reading import ReadFailed
from . import groups, machine, threads
from .counters import PRESSURES, Reading, read_container
from .files import Files
from .glance import THROTTLED_PER_SECOND, Glance
from .schedule import CONTAINER, GLANCE, HOST, TASKS, Schedule
from .window import LONG, SHORT, Look, Window

BUDGET_CORES = 0.005
MAX_TASK_TARGETS = 5
ALL = "*"
RATES = {  # gauges that are counters per second: name, scale
    "cpu_usage_us": ("cpu_cores", 1e-6),
    "refaults": ("refaults_rate", 1.0),
    "context_switches": ("rates.context_switches", 1.0),
    "forks": ("rates.forks", 1.0),
    "allocstalls": ("rates.direct_reclaim_stalls", 1.0),
}


class Sampler:
    """Samples of one host. ``emit(row)`` takes each finished row."""

    def __init__(self, host, *, emit, clock, cpu, pick, boot="", agent_cpu=None, started=None):
        self.files = Files(host.root)
        self.host, self.emit, self.clock, self.cpu = host, emit, clock, cpu
        self.boot, self.agent_cpu = boot, agent_cpu
        now = clock()
        self.started = now if started is None else started
        self.schedule = Schedule(BUDGET_CORES, pick)
        self.trees = groups.find_trees(host)
        self.glance = Glance(self.files, self.trees)
        self.threads = {}  # key: (at, threads, throttled µs)
        self.last, self.long, self.short = {}, {}, {}
        self.longest_gap = 0.0
        self.throttling = set()
        self.schedule.add("", HOST, now)
        self.schedule.add(ALL, GLANCE, now)

    @property
    def containers(self):
        """``{key: Group}`` of the containers seen last."""
        return self.glance.containers

    def step(self):
        """Do what is due. Seconds until the next step: 0 when something was done."""
        now = self.clock()
        begin = self.cpu()
        self.schedule.note_used(now, begin)
        target, wait = self.schedule.due(now)
        if target is None:
            return wait
        if target.tier == CONTAINER and target.last_at is not None:
            self.longest_gap = max(self.longest_gap, now - target.last_at)
        look = {HOST: self._host, CONTAINER: self._container, TASKS: self._tasks}
        rates, alarm = look.get(target.tier, self._glance)(target.key, now)
        if (target.tier, target.key) in self.schedule.targets:
            cost = self.cpu() - begin
            self.schedule.sampled(target, now, cost, rates=rates, alarm=alarm)
        return 0.0

    def alarm(self, key):
        """The kernel saw pressure in a container: look at once."""
        self.schedule.alarm(key, self.clock())

    def _glance(self, _key, now):
        before = self.containers
        for key in self.glance.look(now):
            self.schedule.alarm(key, now)
        for key in before.keys() - self.containers.keys():
            self._forget(key)
        for key, group in self.containers.items():
            if before.get(key) is not group:
                groups.read_limits(self.files, group)
                self.schedule.add(key, CONTAINER, now)
        self._choose_tasks(now)
        return {}, False

    def _choose_tasks(self, now):
        """Threads are counted in hot containers only, and only while there is budget for it."""
        hot = [] if self.schedule.tasks_off else sorted(self.schedule.hot_keys(now))
        chosen = set(hot[:MAX_TASK_TARGETS])
        for key in self.threads.keys() - chosen:
            self.schedule.remove(key, TASKS)
            del self.threads[key]
        for key in chosen - self.threads.keys():
            self.threads[key] = None
            self.schedule.add(key, TASKS, now)

    def _container(self, key, now):
        group = self.containers.get(key)
        if group is None:
            return {}, False
        reading = read_container(self.files, group)
        if not reading.counters:  # it ended; the next glance forgets it
            return {}, False
        look = Look(now, reading.counters, reading.gauges)
        before = self.last.get(key)
        rates = _rates(before, look)
        self._fold(key, look, rates)
        if self.schedule.is_hot(key, now):
            self._fold_short(key, before, look, rates)
        else:
            self.short.pop(key, None)
        return _activity(rates), self._alarming(key, before, look, rates)

    def _host(self, _key, now):
        reading = Reading()
        machine.read_machine(self.files, reading)
        reading.count("containers_cpu_us", self.glance.total)
        reading.count("containers_cpu_seen_us", self.glance.seen)
        reading.count("agent.sampling_overruns", self.schedule.overruns)
        reading.count("agent.cpu_us", None if self.agent_cpu is None else self.agent_cpu())
        reading.glimpse("agent.uptime_h", round((now - self.started) / 3600, 3))
        reading.glimpse("agent.max_sample_interval_s", int(self.longest_gap + 0.999))
        look = Look(now, reading.counters, reading.gauges)
        rates = _rates(self.last.get(""), look)
        self.schedule.note_pressure(now, rates.get("pressure.cpu_some", 0.0))
        row = self._fold("", look, rates)
        if row is not None or "" not in self.last:
            self.longest_gap = 0.0
        return _activity(rates), False

    def _fold(self, key, look, rates):
        """Into the five-minute row; a finished one is emitted and returned."""
        self.last[key] = look
        window = self.long.get(key)
        if window is None:
            self.long[key] = Window(key, LONG, look)
            return None
        following = window.add(look, rates)
        if following is None:
            return None
        self.long[key] = following
        row = self._finish(window)
        if key == "":
            self._slow(following)
        else:
            groups.read_limits(self.files, self.containers[key])
        return row

    def _finish(self, window):
        row = window.row(self.boot)
        if row is None:
            return None
        if window.key == "":
            row["f"] = self._filesystems()
        self.emit(row)
        return row

    def _slow(self, window):
        """What changes seldom joins each new window of the host."""
        reading = Reading()
        machine.read_slow(self.files, self.trees, reading)
        for name, value in reading.gauges.items():
            window.gauges.setdefault(name, []).append(value)

    def _filesystems(self):
        try:
            return machine.filesystems(self.files, read_host_mounts(self.host))
        except ReadFailed:
            return {}

    def _fold_short(self, key, before, look, rates):
        """Into the ten-second row of a hot container."""
        window = self.short.get(key)
        if window is None:
            window = self.short[key] = Window(key, SHORT, before or look)
            window.start = int(look.at // SHORT) * SHORT
        following = window.add(look, rates)
        if following is not None:
            self.short[key] = following
            window.marks.add("hot")
            self._finish(window)

    def _tasks(self, key, now):
        group = self.containers.get(key)
        if group is None or key not in self.threads:
            return {}, False
        found = threads.read_threads(self.files, threads.thread_numbers(self.files, group))
        throttled = read_container(self.files, group).counters.get("cpu_throttled_us", 0)
        before, self.threads[key] = self.threads[key], (now, found, throttled)
        window = self.long.get(key)
        if before is None or window is None or now <= before[0]:
            return {}, False
        spent = max(0, throttled - before[2])
        gauges, coverage = threads.compare(before[1], found, now - before[0], spent)
        for name, value in gauges.items():
            window.gauges.setdefault(name, []).append(value)
        window.marks = {one for one in window.marks if not one.startswith("task_sum")}
        window.marks.add("task_sum:%.2f" % coverage)
        return {"involuntary": gauges["involuntary_switches"]}, False

    def _alarming(self, key, before, look, rates):
        """A kill, a process that the limit refused, or throttling that began."""
        throttled = rates.get("throttled_rate", 0.0) >= THROTTLED_PER_SECOND
        began = throttled and key not in self.throttling
        (self.throttling.add if throttled else self.throttling.discard)(key)
        if before is None:
            return False
        names = ("oom_kills", "pids_limit_hits")
        grown = any(
            look.counters.get(name, 0) > before.counters.get(name, look.counters.get(name, 0))
            for name in names
        )
        return began or grown

    def _forget(self, key):
        self.schedule.remove(key, CONTAINER)
        self.schedule.remove(key, TASKS)
        for table in (self.threads, self.last):
            table.pop(key, None)
        self.throttling.discard(key)
        for table in (self.short, self.long):
            window = table.pop(key, None)
            if window is not None:
                window.marks.add("ended")
                self._finish(window)


def _rates(before, look):
    """Gauges that need two looks; ``{}`` when time stood still or the counters began anew."""
    if before is None or look.at <= before.at:
        return {}
    seconds, found, grown = look.at - before.at, {}, {}
    for name, value in look.counters.items():
        if name in before.counters and value >= before.counters[name]:
            grown[name] = value - before.counters[name]
    for name, delta in grown.items():
        if name.startswith("pressure."):
            found[name] = min(1.0, round(delta / seconds / 1e6, 5))
        elif name in RATES:
            wanted, scale = RATES[name]
            found[wanted] = round(delta * scale / seconds, 5)
    _shares(grown, found, seconds)
    return found


def _shares(grown, found, seconds):
    if "cpu_throttled_periods" in grown:
        found["throttled_rate"] = round(grown["cpu_throttled_periods"] / seconds, 4)
        if grown.get("cpu_periods"):
            ratio = grown["cpu_throttled_periods"] / grown["cpu_periods"]
            found["cpu_throttled_ratio"] = round(ratio, 4)
    if grown.get("cpu_total_us"):
        busy = grown["cpu_total_us"] - grown.get("cpu_idle_us", 0)
        found["cpu_cores"] = round(max(0, busy) / seconds / 1e6, 4)
        found["cpu_steal"] = round(grown.get("cpu_steal_us", 0) / grown["cpu_total_us"], 5)


def _activity(rates):
    """The rates by which the schedule judges how unusual a look was."""
    found = {
        "cpu": rates.get("cpu_cores"),
        "throttled": rates.get("throttled_rate"),
        "forks": rates.get("rates.forks"),
    }
    pressures = [rates.get("pressure.%s_%s" % pair) for pair in PRESSURES]
    found["pressure"] = max((one for one in pressures if one is not None), default=None)
    return {name: rate for name, rate in found.items() if rate is not None}
