"""Counters behind posture and strata. Unknown is never a pass, nor is a pass of a stale host."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, Sum, Value, When

from agents.models import Host, HostState
from assessments.models import AreaCount
from workbench.core.models import Workspace

COLUMNS = ("passed", "failed", "unknown", "not_applicable", "weight_passed", "weight_total")


@dataclass(slots=True)
class Tally:
    """Results of checks, and the weights behind a posture."""

    passed: int = 0
    failed: int = 0
    unknown: int = 0
    not_applicable: int = 0
    weight_passed: int = 0
    weight_total: int = 0

    @property
    def asked(self) -> int:
        """How many checks applied."""
        return self.passed + self.failed + self.unknown

    @property
    def decided(self) -> int:
        """How many checks were answered."""
        return self.passed + self.failed

    @property
    def percent(self) -> int | None:
        """Posture, rounded down so that 100 means every one; None when nothing was asked."""
        return 100 * self.weight_passed // self.weight_total if self.weight_total else None

    @property
    def coverage(self) -> int | None:
        """Share of the checks that could be decided, in percent, rounded down."""
        return 100 * self.decided // self.asked if self.asked else None

    def add(self, row: dict[str, int], *, is_stale: bool) -> None:
        """Add sums of counters; what passed on facts that are too old is unknown."""
        passed = row["passed"] or 0
        self.failed += row["failed"] or 0
        self.unknown += (row["unknown"] or 0) + (passed if is_stale else 0)
        self.not_applicable += row["not_applicable"] or 0
        self.weight_total += row["weight_total"] or 0
        if not is_stale:
            self.passed += passed
            self.weight_passed += row["weight_passed"] or 0


@dataclass(frozen=True, slots=True)
class Counts:
    """Tallies by the asked columns, and their sum."""

    by_key: dict[tuple[str, ...], Tally] = field(default_factory=dict)
    total: Tally = field(default_factory=Tally)


def stale_before(now: datetime) -> datetime:
    """A host last heard of before this moment has facts that are too old to rely on."""
    return now - timedelta(hours=settings.FACTS_MAX_AGE_HOURS)


def counts_by(
    workspace: Workspace, *columns: str, now: datetime, hosts: Sequence[Host] | None = None
) -> Counts:
    """Sums over the workspace, or over ``hosts``, by ``columns`` of the counters. One query."""
    rows = AreaCount.objects.filter(workspace=workspace)
    if hosts is None:
        rows = rows.exclude(host__state=HostState.RETIRED)
    else:
        rows = rows.filter(host__in=hosts)
    fresh = When(host__live__last_seen__gte=stale_before(now), then=Value(0))
    grouped = rows.annotate(stale=Case(fresh, default=Value(1))).values(*columns, "stale")
    counts = Counts()
    for row in grouped.annotate(**{f"sum_{name}": Sum(name) for name in COLUMNS}):
        sums = {name: row[f"sum_{name}"] for name in COLUMNS}
        key = tuple(row[column] for column in columns)
        for tally in (counts.by_key.setdefault(key, Tally()), counts.total):
            tally.add(sums, is_stale=bool(row["stale"]))
    return counts
