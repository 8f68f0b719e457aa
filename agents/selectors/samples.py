"""Reading samples back: what a host consumed lately, and series for its pages."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import ExtractHour

from agents.facts.samples import HostSamples, SampleWindow
from agents.models import Host, Sample, SampleLength

FRESH = timedelta(minutes=20)
RECENT = timedelta(minutes=105)
RECENT_WINDOWS = 20
DAY, WEEK = timedelta(hours=24), timedelta(days=7)
SUMS = ("kills", "refused_processes", "cache_drops", "balloon_pages", "overruns")
FIELDS = ("key", "at", "span_s", "counters", "gauges", "filesystems", "marks", "boot", "start_s")


def host_samples(host: Host, *, now: datetime) -> HostSamples:
    """What the document of this host needs: four queries, however many its containers are."""
    rows = Sample.objects.filter(host=host, length=SampleLength.LONG, at__lte=now)
    recent = _by_key(rows.filter(at__gt=now - RECENT))
    newest = {key: windows[-1] for key, windows in recent.items() if windows[-1].at > now - FRESH}
    week = rows.filter(at__gt=now - WEEK)
    if not newest:
        return HostSamples(reason=_reason(rows, now))
    return HostSamples(
        newest=newest,
        day=_sums(rows.filter(at__gt=now - DAY)),
        recent={key: windows[-RECENT_WINDOWS:] for key, windows in recent.items()},
        usual=_by_key(
            week.annotate(hour=ExtractHour("at", tzinfo=UTC)).filter(hour=now.astimezone(UTC).hour)
        ),
        seen=dict(week.values_list("key").annotate(windows=Count("pk")).order_by("key")),
    )


def _reason(rows: QuerySet[Sample], now: datetime) -> str:
    last = rows.order_by("-at").values_list("at", flat=True).first()
    if last is None:
        return "no samples yet"
    return f"no sample for {max(1, int((now - last).total_seconds() // 60))} minutes"


def series_of(host: Host, key: str, *, now: datetime) -> list[SampleWindow]:
    """Five-minute windows of the last 24 hours of a container, or of the host with an empty key."""
    rows = Sample.objects.filter(
        host=host, key=key, length=SampleLength.LONG, at__gt=now - DAY, at__lte=now
    )
    return [_window(row) for row in rows.order_by("at").only(*FIELDS)]


def _by_key(rows: QuerySet[Sample]) -> dict[str, list[SampleWindow]]:
    found: dict[str, list[SampleWindow]] = {}
    for row in rows.order_by("at").only(*FIELDS):
        found.setdefault(row.key, []).append(_window(row))
    return found


def _sums(rows: QuerySet[Sample]) -> dict[str, Mapping[str, int]]:
    totals = (
        rows.values("key").annotate(**{f"sum_{name}": Sum(name) for name in SUMS}).order_by("key")
    )
    found: dict[str, Mapping[str, int]] = {}
    for row in totals:
        values: Mapping[str, Any] = row
        found[values["key"]] = {name: int(values[f"sum_{name}"] or 0) for name in SUMS}
    return found


def _window(row: Sample) -> SampleWindow:
    return SampleWindow(
        key=row.key,
        at=row.at,
        span_s=row.span_s,
        place=(row.boot, row.start_s),
        counters=row.counters,
        gauges=row.gauges,
        filesystems=row.filesystems,
        marks=row.marks,
    )
