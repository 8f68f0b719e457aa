"""Resource samples as plain values: what the fact document takes its usage from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.facts.reading import MissingFact


@dataclass(frozen=True, slots=True)
class SampleWindow:
    """One window of a container, or of the host when ``key`` is empty.

    ``counters`` holds totals at start and end (one number for two equal ones), ``gauges`` least,
    median and greatest (one number for three equal ones), ``filesystems`` per cent of space and of
    inodes in use by mount; ``span_s`` are the seconds between the looks; ``place`` is the window's
    boot and start since then, the same for all containers of a host.
    """

    key: str
    at: datetime
    span_s: float
    place: tuple[str, int] = ("", 0)
    counters: Mapping[str, Sequence[int]] = field(default_factory=dict)
    gauges: Mapping[str, Sequence[float]] = field(default_factory=dict)
    filesystems: Mapping[str, Sequence[float]] = field(default_factory=dict)
    marks: Sequence[str] = ()

    def total(self, name: str) -> int:
        """The counter at the end; raises MissingFact when it was not sampled."""
        return self._ends(name)[-1]

    def growth(self, name: str) -> int:
        """How much the counter grew; raises MissingFact when it was not sampled."""
        ends = self._ends(name)
        return max(0, ends[-1] - ends[0])

    def rate(self, name: str, *, per_second: float = 1.0) -> float:
        """Growth per second, in units of ``per_second``; raises MissingFact."""
        if self.span_s <= 0:
            raise MissingFact(name)
        return self.growth(name) / self.span_s / per_second

    def median(self, name: str) -> float:
        """The middle value of a gauge; raises MissingFact when it was not sampled."""
        three = self._values(name)
        return three[len(three) // 2]

    def most(self, name: str) -> float:
        """The greatest value of a gauge; raises MissingFact when it was not sampled."""
        return self._values(name)[-1]

    def _ends(self, name: str) -> Sequence[int]:
        ends = self.counters.get(name)
        if not ends:
            raise MissingFact(name)
        return ends

    def _values(self, name: str) -> Sequence[float]:
        values = self.gauges.get(name)
        if not values:
            raise MissingFact(name)
        return values


@dataclass(frozen=True, slots=True)
class HostSamples:
    """What is known of one host's consumption at one moment.

    ``newest`` holds each key's newest five-minute window that is fresh; ``day`` sums of the last 24
    hours by key and column (``kills``); ``recent`` up to 20 windows of each key in order of time;
    ``usual`` windows of the last 7 days at the same hour of the day; ``seen`` how many five-minute
    windows each key has in those 7 days.
    """

    newest: Mapping[str, SampleWindow] = field(default_factory=dict)
    day: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    recent: Mapping[str, Sequence[SampleWindow]] = field(default_factory=dict)
    usual: Mapping[str, Sequence[SampleWindow]] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    reason: str = "no samples yet"
