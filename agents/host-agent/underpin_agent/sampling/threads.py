"""Context switches, migrations and waiting of one container: the sum over its threads.

The method ``task_sum``: it misses threads that came and went between two looks, so it tells its
coverage. A thread whose number was given to another one counts as new when its counters fell.
``cpu_wait_ratio`` is run-queue delay without the container's own throttling (scheduler statistics,
Documentation/scheduler/sched-stats.rst).
"""

from .files import folders_below

MAX_THREADS = 256
STATUS = {b"voluntary_ctxt_switches": 0, b"nonvoluntary_ctxt_switches": 1}


def thread_numbers(files, group):
    """Numbers of the container's threads, at most ``MAX_THREADS``."""
    unified = group.version == 2
    name = "/cgroup.threads" if unified else "/tasks"
    todo = [group.folders["v2"] if unified else sorted(group.folders.items())[0][1]]
    found = []
    while todo and len(found) < MAX_THREADS:
        folder = todo.pop()
        found += [int(word) for word in (files.read(folder + name) or b"").split()]
        todo += [folder + "/" + one for one in folders_below(files.prefix + folder)]
    return found[:MAX_THREADS]


def read_threads(files, numbers):
    """``{number: (voluntary, involuntary, migrations, run ns, delay ns)}`` of those that live."""
    found = {}
    for number in numbers:
        status = files.read("/proc/%d/status" % number)
        statistics = (files.read("/proc/%d/schedstat" % number) or b"").split()
        if status is None or len(statistics) != 3:
            continue
        values = [0, 0, _migrations(files, number), int(statistics[0]), int(statistics[1])]
        for line in status.rsplit(b"\n", 4)[1:]:
            place = STATUS.get(line.partition(b":")[0])
            if place is not None:
                values[place] = int(line.partition(b":")[2])
        found[number] = tuple(values)
    return found


def _migrations(files, number):
    """From /proc/<pid>/sched, which kernels without CONFIG_SCHED_DEBUG lack: then 0."""
    for line in (files.read("/proc/%d/sched" % number) or b"").split(b"\n"):
        if line.startswith(b"se.nr_migrations"):
            value = line.rpartition(b":")[2].strip()
            return int(value) if value.isdigit() else 0
    return 0


def compare(before, after, seconds, throttled_us):
    """``(gauges, coverage)`` of two looks that lie ``seconds`` apart; ``throttled_us`` between."""
    sums, twice = [0] * 5, 0
    for number, values in after.items():
        old = before.get(number)
        known = old is not None and all(new >= was for new, was in zip(values, old))
        twice += known
        for place in range(5):
            sums[place] += values[place] - (old[place] if known else 0)
    gauges = {
        "voluntary_switches": round(sums[0] / seconds, 2),
        "involuntary_switches": round(sums[1] / seconds, 2),
        "migrations": round(sums[2] / seconds, 2),
    }
    waited = max(0, sums[4] - throttled_us * 1000)
    if waited + sums[3] > 0:
        gauges["cpu_wait_ratio"] = round(waited / (waited + sums[3]), 4)
    union = len(before.keys() | after.keys())
    return gauges, twice / union if union else 1.0
