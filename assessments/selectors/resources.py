"""What a host or a container consumed in the last 24 hours, for its page. One query."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils.safestring import SafeString, mark_safe

from agents.facts.reading import MissingFact
from agents.facts.samples import SampleWindow
from agents.models import Host
from agents.selectors.samples import series_of
from assessments.figures.trend import Bin, trend

QUARTERS: Final = 96
QUARTER: Final = timedelta(minutes=15)
MICROSECONDS: Final = 1e6
Value = Callable[[SampleWindow], float]
Words = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is drawn: how to read it from a window, and how to say a value."""

    name: str
    usual: Value
    most: Value
    words: Words
    top: float | None = None  # the upper edge when it is fixed


@dataclass(frozen=True, slots=True)
class Trend:
    """One drawing with its numbers; ``latest`` is empty when nothing was measured of it."""

    name: str
    latest: str
    most: str
    svg: str

    @property
    def figure(self) -> SafeString:
        """The drawing for a template."""
        return mark_safe(self.svg)  # noqa: S308 - figures.svg escapes every text


@dataclass(frozen=True, slots=True)
class HourRow:
    """One hour in words, a cell per measure."""

    at: datetime
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resources:
    """The last 24 hours; without trends when nothing was sampled."""

    trends: tuple[Trend, ...] = ()
    hours: tuple[HourRow, ...] = ()


def resources_of(host: Host, key: str, *, now: datetime) -> Resources:
    """The consumption of a container of the host, or of the host itself with an empty key."""
    windows = series_of(host, key, now=now)
    if not windows:
        return Resources()
    measures = CONTAINER if key else HOST
    begin = _quarter(now) - (QUARTERS - 1) * QUARTER
    binned = [_bins(measure, windows, begin) for measure in measures]
    shown = [
        (measure, bins)
        for measure, bins in zip(measures, binned, strict=True)
        if any(one.usual is not None for one in bins)
    ]
    return Resources(
        trends=tuple(_trend(measure, bins) for measure, bins in shown),
        hours=tuple(_hours(shown, begin)),
    )


def _quarter(now: datetime) -> datetime:
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def _bins(measure: Measure, windows: Sequence[SampleWindow], begin: datetime) -> list[Bin]:
    usual: list[list[float]] = [[] for _ in range(QUARTERS)]
    most: list[list[float]] = [[] for _ in range(QUARTERS)]
    for window in windows:
        place = (window.at - begin) // QUARTER
        if not 0 <= place < QUARTERS:
            continue
        for values, read in ((usual[place], measure.usual), (most[place], measure.most)):
            try:
                values.append(read(window))
            except MissingFact:
                continue
    return [
        Bin(sum(low) / len(low) if low else None, max([*high, *low], default=None))
        for low, high in zip(usual, most, strict=True)
    ]


def _trend(measure: Measure, bins: Sequence[Bin]) -> Trend:
    known = [one.usual for one in bins if one.usual is not None]
    highest = max(one.most for one in bins if one.most is not None)
    latest, most = measure.words(known[-1]), measure.words(highest)
    description = (
        f"{measure.name} of the last 24 hours: {latest} last, {most} at most, "
        f"{len(known)} of {QUARTERS} quarters of an hour measured."
    )
    top = measure.top if measure.top is not None else highest * 1.08
    drawn = trend(bins, top=top, name=f"{measure.name}, last 24 hours", description=description)
    return Trend(measure.name, latest, most, drawn)


def _hours(shown: Sequence[tuple[Measure, Sequence[Bin]]], begin: datetime) -> list[HourRow]:
    """The newest hour first; hours in which nothing was measured are left out."""
    found = []
    for start in range(0, QUARTERS, 4):
        cells = tuple(_cell(measure, bins[start : start + 4]) for measure, bins in shown)
        if any(cells):
            found.append(HourRow(begin + start * QUARTER, cells))
    return found[::-1]


def _cell(measure: Measure, bins: Sequence[Bin]) -> str:
    usual = [one.usual for one in bins if one.usual is not None]
    most = [one.most for one in bins if one.most is not None]
    if not usual or not most:
        return ""
    return f"{measure.words(sum(usual) / len(usual))}, at most {measure.words(max(most))}"


def _cores(value: float) -> str:
    return f"{value:.2f} cores" if value < 10 else f"{value:.0f} cores"


def _bytes(value: float) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} B"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _throttled(window: SampleWindow) -> float:
    periods = window.growth("cpu_periods")
    return min(1.0, window.growth("cpu_throttled_periods") / periods) if periods else 0.0


def _throttled_most(window: SampleWindow) -> float:
    try:
        return window.most("cpu_throttled_ratio")
    except MissingFact:
        return _throttled(window)


def _busy(window: SampleWindow) -> float:
    worked = window.growth("cpu_total_us") - window.growth("cpu_idle_us")
    return max(0.0, worked / window.span_s / MICROSECONDS)


def _used_memory(window: SampleWindow) -> float:
    return max(0.0, window.median("memory.total_bytes") - window.median("memory.available_bytes"))


def _used_most(window: SampleWindow) -> float:
    least = window.gauges.get("memory.available_bytes") or [0.0]
    return max(0.0, window.median("memory.total_bytes") - least[0])


CONTAINER: Final = (
    Measure(
        "CPU",
        lambda window: window.rate("cpu_usage_us", per_second=MICROSECONDS),
        lambda window: window.most("cpu_cores"),
        _cores,
    ),
    Measure(
        "Memory",
        lambda window: window.median("memory_current_bytes"),
        lambda window: window.most("memory_current_bytes"),
        _bytes,
    ),
    Measure("Held back by its CPU limit", _throttled, _throttled_most, _share, top=1.0),
)
HOST: Final = (
    Measure("CPU", _busy, lambda window: window.most("cpu_cores"), _cores),
    Measure("Memory in use", _used_memory, _used_most, _bytes),
    Measure(
        "Waiting for CPU",
        lambda window: min(1.0, window.rate("pressure.cpu_some", per_second=MICROSECONDS)),
        lambda window: window.most("pressure.cpu_some"),
        _share,
        top=1.0,
    ),
)
