"""The bindings ``usage`` and ``containers[].usage``: what was consumed, from the newest window.

Rates and shares are means over the window (growth of counters by time); what can only be glimpsed
is the median of the glimpses, peaks the greatest. What was not sampled says why.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from agents.facts.baseline import add_baselines, add_host_baseline
from agents.facts.reading import Facts, MissingFact
from agents.facts.samples import HostSamples, SampleWindow
from agents.facts.unknowns import Scope, Unknowns

MICROSECONDS = 1e6
PRESSURES = ("cpu_some", "memory_some", "memory_full", "io_full")
LEAST_ACCOUNTED_US = 50_000  # less time than this is read apart by the looks themselves
NO_SAMPLE = "not sampled in the last minutes: new, or without a control group of its own"
NOT_SHOWN = "the host's kernel does not show it"
ALL_TIME = "cpu_total_us"
Read = Callable[[SampleWindow], object]

HOST_NOT_SAMPLED = (
    "dirty.flush_seconds",
    "monitors_cpu",
    "cgroup_orphans",
    "sessions",
    "clock_max_error_us",
    "clock_steps_24h",
    "audit_lost_24h",
    "audit_uncovered_processes",
    "journal_suppressed_24h",
    "journal_span_days",
    "log_shipping",
    "agent.spool_dropped_24h",
)
CONTAINER_NOT_SAMPLED = (
    "processes",
    "process_ids",
    "foreign_processes",
    "zombies",
    "unexplained_terminal_shells",
    "remote_shells",
    "packet_sockets",
    "exec_sessions",
    "health_status",
    "new_executables",
    "writable_layer_scannable",
    "writable_layer_bytes",
    "log_secret_hits",
    "log_days_to_full",
    "oom_flag_runtime",
    "realtime_tasks",
)


def gauge(name: str) -> Read:
    """The median of a gauge as a number with a point."""
    return lambda window: float(window.median(name))


def whole(name: str) -> Read:
    """The median of a gauge as a whole number."""
    return lambda window: int(window.median(name))


def peak(name: str) -> Read:
    """The greatest value of a gauge as a whole number."""
    return lambda window: int(window.most(name))


def total(name: str) -> Read:
    """A counter since boot, at the end of the window."""
    return lambda window: window.total(name)


def pressure(name: str) -> Read:
    """The share of time in which somebody waited."""
    return lambda window: min(
        1.0, round(window.rate(f"pressure.{name}", per_second=MICROSECONDS), 5)
    )


def per_second(name: str) -> Read:
    """Growth of a counter per second."""
    return lambda window: round(window.rate(name), 3)


def throttled_ratio(window: SampleWindow) -> float:
    """Throttled periods of all periods; without a quota there are none to hold it back."""
    periods = window.growth("cpu_periods")
    held = window.growth("cpu_throttled_periods")
    return round(min(1.0, held / periods), 4) if periods else 0.0


def unaccounted_cpu(window: SampleWindow) -> float:
    """The share of the containers' processor time that no visible container explains."""
    used = window.growth("containers_cpu_us")
    seen = window.growth("containers_cpu_seen_us")
    return round(max(0.0, 1 - seen / used), 4) if used >= LEAST_ACCOUNTED_US else 0.0


def steal(window: SampleWindow) -> float:
    """The share of processor time that the hypervisor gave to others."""
    time = window.growth(ALL_TIME)
    if not time:
        raise MissingFact(ALL_TIME)
    return round(window.growth("cpu_steal_us") / time, 5)


HOST: Mapping[str, Read] = {
    **{f"pressure.{name}": pressure(name) for name in PRESSURES},
    "memory.available_bytes": whole("memory.available_bytes"),
    "dirty.ratio": gauge("dirty.ratio"),
    "zones_below_low": peak("zones_below_low"),
    "rates.context_switches": per_second("context_switches"),
    "rates.forks": per_second("forks"),
    "rates.direct_reclaim_stalls": per_second("allocstalls"),
    "cpu_steal": steal,
    "balloon.bytes": whole("balloon.bytes"),
    "threads_ratio": gauge("threads_ratio"),
    "file_handles_ratio": gauge("file_handles_ratio"),
    "unaccounted_cpu": unaccounted_cpu,
    "cgroup_dying_memory": peak("cgroup_dying_memory"),
    "memory_errors.corrected": peak("memory_errors.corrected"),
    "memory_errors.uncorrected": peak("memory_errors.uncorrected"),
    "ksm_pages_sharing": peak("ksm_pages_sharing"),
    "agent.uptime_h": lambda window: round(float(window.most("agent.uptime_h")), 2),
    "agent.cpu_share": lambda window: round(
        window.rate("agent.cpu_us", per_second=MICROSECONDS), 5
    ),
    "agent.max_sample_interval_s": peak("agent.max_sample_interval_s"),
}
HOST_DAY = {
    "drop_caches_24h": ("cache_drops", "drop_caches"),
    "balloon.inflated_pages_24h": ("balloon_pages", "balloon_inflated_pages"),
    "agent.sampling_overruns_24h": ("overruns", "agent.sampling_overruns"),
}
CONTAINER: Mapping[str, Read] = {
    "cpu_usage_us": total("cpu_usage_us"),
    "cpu_throttled_us": total("cpu_throttled_us"),
    "cpu_throttled_ratio": throttled_ratio,
    "cpu_wait_ratio": gauge("cpu_wait_ratio"),
    "memory_current_bytes": whole("memory_current_bytes"),
    "memory_peak_bytes": peak("memory_peak_bytes"),
    "memory_ratio": gauge("memory_ratio"),
    "dirty_ratio": gauge("dirty_ratio"),
    "oom_kills": total("oom_kills"),
    "pids_current": whole("pids_current"),
    "pids_peak": peak("pids_peak"),
    "pids_peak_ratio": lambda window: float(window.most("pids_peak_ratio")),
    "io_read_bytes": total("io_read_bytes"),
    "io_write_bytes": total("io_write_bytes"),
    **{f"pressure.{name}": pressure(name) for name in PRESSURES},
    "voluntary_switches": gauge("voluntary_switches"),
    "involuntary_switches": gauge("involuntary_switches"),
    "migrations": gauge("migrations"),
}
CONTAINER_DAY = {
    "oom_kills_24h": ("kills", "oom_kills"),
    "pids_limit_hits_24h": ("refused_processes", "pids_limit_hits"),
}
REASONS = {
    "memory_ratio": "the container has no memory limit, or it is not known",
    "dirty_ratio": "the container has no memory limit, or it is not known",
    "pids_peak_ratio": "the container has no process limit, or its peak is not known",
    "cpu_wait_ratio": "threads are counted in conspicuous containers only",
    "voluntary_switches": "threads are counted in conspicuous containers only",
    "involuntary_switches": "threads are counted in conspicuous containers only",
    "migrations": "threads are counted in conspicuous containers only",
    "agent.cpu_share": "the agent could not read its own consumption",
}


def add_usage(
    document: Facts,
    containers: Sequence[dict[str, Any]],
    samples: HostSamples,
    *,
    unknowns: Unknowns,
) -> dict[str, Any]:
    """The binding ``usage``; adds ``usage`` and ``baseline`` to each container, in place."""
    usage = host_usage(samples, document, unknowns=unknowns)
    if not usage:
        unknowns.add("containers[].usage", samples.reason)
        unknowns.add("containers[].baseline", "needs 7 days of samples")
        return {}
    add_host_baseline(usage, samples, unknowns=unknowns)
    for container in containers:
        container["usage"] = container_usage(samples, container["key"], unknowns=unknowns)
    for name in CONTAINER_NOT_SAMPLED:
        unknowns.add(f"containers[].usage.{name}", "the agent does not sample this yet")
    add_baselines(containers, samples, unknowns=unknowns)
    return usage


def host_usage(samples: HostSamples, document: Facts, *, unknowns: Unknowns) -> dict[str, Any]:
    """The binding ``usage``; what is missing goes to ``unknowns``."""
    window = samples.newest.get("")
    if window is None:
        unknowns.add("usage", samples.reason)
        return {}
    found = _read(window, HOST, "usage.", unknowns)
    found.update(_read(window, _of_day(samples, "", HOST_DAY), "usage.", unknowns))
    for name in HOST_NOT_SAMPLED:
        unknowns.add(f"usage.{name}", "the agent does not sample this yet")
    _add_filesystems(found, window, document, unknowns)
    return _nested(found)


def container_usage(samples: HostSamples, key: str, *, unknowns: Unknowns) -> dict[str, Any]:
    """The binding ``containers[].usage`` of one container."""
    window = samples.newest.get(key)
    scope = ("container", key)
    if window is None:
        unknowns.add("containers[].usage", NO_SAMPLE, scope=scope)
        return {}
    found = _read(window, CONTAINER, "containers[].usage.", unknowns, scope)
    day = _of_day(samples, key, CONTAINER_DAY)
    found.update(_read(window, day, "containers[].usage.", unknowns, scope))
    counted = any(mark.startswith("task_sum") for mark in window.marks)
    found["switch_method"] = "task_sum" if counted else "none"
    return _nested(found)


def _read(
    window: SampleWindow,
    table: Mapping[str, Read],
    prefix: str,
    unknowns: Unknowns,
    scope: Scope | None = None,
) -> dict[str, object]:
    found = {}
    for name, read in table.items():
        try:
            found[name] = read(window)
        except MissingFact:
            unknowns.add(prefix + name, REASONS.get(name, NOT_SHOWN), scope=scope)
    return found


def _of_day(
    samples: HostSamples, key: str, table: Mapping[str, tuple[str, str]]
) -> dict[str, Read]:
    """Sums of the last 24 hours, known where the counter itself is."""
    sums = samples.day.get(key, {})
    return {
        name: partial(_sum, sums=sums, column=column, counter=counter)
        for name, (column, counter) in table.items()
    }


def _sum(window: SampleWindow, *, sums: Mapping[str, int], column: str, counter: str) -> int:
    window.total(counter)
    return sums.get(column, 0)


def _add_filesystems(
    found: dict[str, object], window: SampleWindow, document: Facts, unknowns: Unknowns
) -> None:
    """Use of the mounts that the resources section names, with their roles."""
    resources = document.get("resources")
    rows = resources.get("filesystems") if isinstance(resources, Mapping) else None
    if not isinstance(rows, list):
        unknowns.add("usage.filesystems", "needs resources.filesystems: not collected")
        return
    named = [row for row in rows if isinstance(row, Mapping)]
    used = [_filesystem(row, window.filesystems) for row in named]
    found["filesystems"] = [row for row in used if row]
    if not all(used):
        unknowns.add("usage.filesystems", "not every mount was measured: truncated")
        del found["filesystems"]


def _filesystem(row: Facts, measured: Mapping[str, Any]) -> dict[str, Any]:
    mount = row.get("mount")
    both = measured.get(mount) if isinstance(mount, str) else None
    if not both or len(both) != 2:
        return {}
    return {
        "mount": mount,
        "roles": list(row.get("roles") or []),
        "used_percent": float(both[0]),
        "inodes_used_percent": float(both[1]),
    }


def _nested(flat: Mapping[str, object]) -> dict[str, Any]:
    """``{"a.b": 1}`` as ``{"a": {"b": 1}}``."""
    found: dict[str, Any] = {}
    for path, value in flat.items():
        folder, _, name = path.rpartition(".")
        target = found.setdefault(folder, {}) if folder else found
        target[name] = value
    return found
