"""What is usual for a container, and how far from it the newest window is.

Usual is the median of five-minute medians of 7 days at the same hour of the day; the distance is
(x - median) / max(1.4826 * MAD, floor), which one outlier cannot spoil (facts, section 5).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import median
from typing import Any

from agents.facts.reading import MissingFact
from agents.facts.samples import HostSamples, SampleWindow
from agents.facts.unknowns import Unknowns, put

READY_WINDOWS = 288  # a day
CONSISTENT = 1.4826  # makes the MAD of a normal distribution its standard deviation
LEAST_USUAL = 6
FLOORS = {  # less than this is never unusual; per second, or a share
    "refaults_rate": 10.0,
    "involuntary_switches": 200.0,
    "migrations": 10.0,
    "cpu_wait_ratio": 0.05,
    "rates.forks": 100.0,
}
VICTIM_WINDOWS, VICTIM_OF = 3, 5
CORRELATION_WINDOWS = 20
AGGRESSOR_CORES = 0.5
VICTIM_PRESSURE, VICTIM_THROTTLED, VICTIM_WAIT_Z = 0.2, 0.05, 3.0
USE, WAIT = "cpu_cores", "cpu_wait_ratio"
Series = Sequence[float]


def robust_z(value: float, usual: Series, *, floor: float) -> float:
    """How many robust standard deviations ``value`` lies from the usual ones."""
    middle = median(usual)
    spread = median(abs(one - middle) for one in usual)
    return round((value - middle) / max(CONSISTENT * spread, floor), 2)


def correlation(first: Series, second: Series) -> float:
    """Pearson's correlation of two series of one length; 0.0 when one of them never moves."""
    mean_a, mean_b = sum(first) / len(first), sum(second) / len(second)
    pairs = [(a - mean_a, b - mean_b) for a, b in zip(first, second, strict=True)]
    scale = math.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))
    return round(sum(a * b for a, b in pairs) / scale, 3) if scale > 0 else 0.0


def z_of(samples: HostSamples, key: str, gauge: str, window: SampleWindow | None = None) -> float:
    """The distance of one gauge from its usual; raises MissingFact."""
    window = window or samples.newest.get(key)
    if window is None:
        raise MissingFact(gauge)
    value = window.median(gauge)
    usual = [one.median(gauge) for one in samples.usual.get(key, ()) if gauge in one.gauges]
    if len(usual) < LEAST_USUAL:
        raise MissingFact(gauge)
    return robust_z(value, usual, floor=FLOORS[gauge])


def is_victim(samples: HostSamples, key: str) -> bool:
    """True when others take its processor time: pressure, hardly throttled, waiting beyond usual,
    in 3 of the last 5 windows. Raises MissingFact while fewer windows can be told."""
    told = []
    for window in list(samples.recent.get(key, ()))[-VICTIM_OF:]:
        try:
            told.append(_suffers(samples, key, window))
        except MissingFact:
            continue
    if sum(told) >= VICTIM_WINDOWS:
        return True
    if VICTIM_OF - len(told) + sum(told) >= VICTIM_WINDOWS:
        raise MissingFact(WAIT)
    return False


def _suffers(samples: HostSamples, key: str, window: SampleWindow) -> bool:
    """Pressure and throttling decide alone where they can: waiting is known of hot phases only."""
    if window.rate("pressure.cpu_some", per_second=1e6) < VICTIM_PRESSURE:
        return False
    periods = window.growth("cpu_periods")
    if periods and window.growth("cpu_throttled_periods") / periods >= VICTIM_THROTTLED:
        return False
    return z_of(samples, key, WAIT, window) >= VICTIM_WAIT_Z


def aggressor_correlation(
    samples: HostSamples, key: str, victims: Sequence[str], shares_cpus: Callable[[str], bool]
) -> float:
    """The highest correlation of this container's processor use with a victim's waiting, which its
    pressure shows without a gap.

    0.0 without a victim on shared processors, or when it uses less than half a core. Raises
    MissingFact when there are not enough common windows.
    """
    others = [victim for victim in victims if victim != key and shares_cpus(victim)]
    mine = {window.place: window for window in samples.recent.get(key, ())}
    if not others:
        return 0.0
    if not mine:
        raise MissingFact(USE)
    newest = samples.recent[key][-1]
    if newest.median(USE) < AGGRESSOR_CORES:
        return 0.0
    return max(_against(mine, samples.recent.get(other, ())) for other in others)


def _against(mine: Mapping[tuple[str, int], SampleWindow], other: Sequence[SampleWindow]) -> float:
    """Windows of one boot begin together on all containers of a host."""
    use: list[float] = []
    wait: list[float] = []
    for window in list(other)[-CORRELATION_WINDOWS:]:
        near = mine.get(window.place)
        if near is None or USE not in near.gauges:
            continue
        use.append(near.median(USE))
        wait.append(window.rate("pressure.cpu_some", per_second=1e6))
    if len(use) < CORRELATION_WINDOWS // 2:
        raise MissingFact(USE)
    return correlation(use, wait)


def add_baselines(
    containers: Sequence[dict[str, Any]], samples: HostSamples, *, unknowns: Unknowns
) -> None:
    """Add ``baseline`` to each container, in place."""
    victims: list[str] = []
    for container in containers:
        _add(container, samples, unknowns)
        if container["baseline"].get("victim"):
            victims.append(container["key"])
    for container in containers:
        if not container["baseline"].get("ready"):
            continue
        key = container["key"]
        shares = partial(_shares_cpus, container, {each["key"]: each for each in containers})
        put(
            container["baseline"],
            "aggressor_correlation",
            partial(aggressor_correlation, samples, key, victims, shares),
            note=_noter(unknowns, key, "aggressor_correlation"),
        )


def add_host_baseline(usage: dict[str, Any], samples: HostSamples, *, unknowns: Unknowns) -> None:
    """Add ``rates.forks_z`` to the host's usage, in place."""
    if samples.seen.get("", 0) < READY_WINDOWS:
        unknowns.add("usage.rates.forks_z", "needs a day of samples")
        return

    def note(_missing: MissingFact) -> None:
        unknowns.add("usage.rates.forks_z", "too few windows of the last 7 days at this hour")

    rates = usage.setdefault("rates", {})
    put(rates, "forks_z", partial(z_of, samples, "", "rates.forks"), note=note)


def _add(container: dict[str, Any], samples: HostSamples, unknowns: Unknowns) -> None:
    key = container["key"]
    ready = samples.seen.get(key, 0) >= READY_WINDOWS
    baseline: dict[str, Any] = {"ready": ready}
    container["baseline"] = baseline
    scope = ("container", key)
    unknowns.add(
        "containers[].baseline.exec_per_day_high", "no access events recorded yet", scope=scope
    )
    if not ready:
        for name in ("refaults_z", "involuntary_switches_z", "migrations_z", "victim"):
            unknowns.add(f"containers[].baseline.{name}", "needs a day of samples", scope=scope)
        reason = "needs a day of samples"
        unknowns.add("containers[].baseline.aggressor_correlation", reason, scope=scope)
        return
    values: dict[str, Callable[[], object]] = {
        "refaults_z": partial(z_of, samples, key, "refaults_rate"),
        "involuntary_switches_z": partial(z_of, samples, key, "involuntary_switches"),
        "migrations_z": partial(z_of, samples, key, "migrations"),
        "victim": partial(is_victim, samples, key),
    }
    for name, compute in values.items():
        put(baseline, name, compute, note=_noter(unknowns, key, name))


def _noter(unknowns: Unknowns, key: str, name: str) -> Callable[[MissingFact], None]:
    def note(missing: MissingFact) -> None:
        reason = f"too few windows of the last 7 days at this hour hold {missing.path}"
        unknowns.add(f"containers[].baseline.{name}", reason, scope=("container", key))

    return note


def _shares_cpus(
    container: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]], key: str
) -> bool:
    """True unless both processor sets are known and have nothing in common."""
    mine, theirs = container.get("cpus"), others[key].get("cpus")
    if not isinstance(mine, list) or not isinstance(theirs, list):
        return True
    return bool(set(mine) & set(theirs))
