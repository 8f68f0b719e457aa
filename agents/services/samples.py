"""Taking samples, and rolling them up: ten seconds for a day, five minutes for a month, then hours.

Every step may run twice: rows are unique by host, key, boot, start and length, and a roll-up that
exists is not made again. Work goes in slices of hosts with a fixed number of queries each.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from agents.models import Host, Sample, SampleLength
from agents.services.events import SAMPLES_CHANGED
from agents.services.hourly import hourly_rows
from agents.services.sample_rows import read_row, sample_of
from workbench.core.work import items

MAX_ROWS = 256  # of one request
MAX_ROWS_AN_HOUR = 75_000  # 5,000 containers every five minutes, and thirty hot ones
BATCH_ROWS = 500
SLICE_HOSTS = 20
KEEP = {
    SampleLength.SHORT: timedelta(hours=24),
    SampleLength.LONG: timedelta(days=30),
    SampleLength.HOUR: timedelta(days=396),
}
SETTLED = timedelta(minutes=15)  # the last rows of an hour come late
REACH = timedelta(days=2)  # how far back an hour may still be missing
DELETE_ROWS = 20_000


def samples_take(host: Host, rows: Sequence[Any], *, now: datetime) -> int:
    """Store the rows that fit; returns how many there were. What is there already stays.

    The first sample of the host in each hour asks for a judgement.
    """
    taken = [read_row(raw) for raw in rows[:MAX_ROWS]]
    found = [sample_of(host, row, now=now) for row in taken if row is not None]
    samples = [sample for sample in found if sample is not None]
    if not samples or _has_its_share(host, now):
        return 0
    with transaction.atomic():
        if _opens_an_hour(host, samples):
            items.want(SAMPLES_CHANGED, str(host.pk), now=now)
        Sample.objects.bulk_create(samples, batch_size=BATCH_ROWS, ignore_conflicts=True)
    return len(samples)


def _opens_an_hour(host: Host, samples: Sequence[Sample]) -> bool:
    own = [one.at for one in samples if one.key == "" and one.length == SampleLength.LONG]
    if not own:
        return False
    hour = max(own).replace(minute=0, second=0, microsecond=0)
    return not Sample.objects.filter(
        host=host, key="", length=SampleLength.LONG, at__gte=hour
    ).exists()


def _has_its_share(host: Host, now: datetime) -> bool:
    """True when a host sent more in the last hour than any honest one can."""
    recent = Sample.objects.filter(host=host, at__gte=now - timedelta(hours=1))
    return recent.count() >= MAX_ROWS_AN_HOUR


def samples_tend(now: datetime | None = None) -> int:
    """Roll up the hours that are over and drop what is too old; returns the hours written."""
    now = now or timezone.now()
    written = roll_up(now)
    drop_old(now)
    return written


def roll_up(now: datetime) -> int:
    """Write the missing hourly rows of the last two days; returns how many hours were written."""
    over = (now - SETTLED).replace(minute=0, second=0, microsecond=0)
    begin = over - REACH
    rows = Sample.objects.filter(at__gte=begin, at__lt=over)
    last = dict(
        rows.filter(length=SampleLength.HOUR).values_list("host_id").annotate(latest=Max("at"))
    )
    first = dict(
        rows.filter(length=SampleLength.LONG).values_list("host_id").annotate(earliest=Min("at"))
    )
    written = 0
    for host_id, earliest in sorted(first.items()):
        hour = earliest.replace(minute=0, second=0, microsecond=0)
        if host_id in last:
            hour = max(hour, last[host_id] + timedelta(hours=1))
        written += _roll_up_host(host_id, hour, over)
    return written


def _roll_up_host(host_id: uuid.UUID, hour: datetime, over: datetime) -> int:
    """The hours of one host from ``hour`` on: one query and one insert each."""
    written = 0
    while hour < over:
        rows = Sample.objects.filter(
            host_id=host_id,
            length=SampleLength.LONG,
            at__gte=hour,
            at__lt=hour + timedelta(hours=1),
        ).order_by("key", "boot", "start_s")
        hourly = hourly_rows(rows.iterator(chunk_size=BATCH_ROWS), hour=hour)
        Sample.objects.bulk_create(hourly, batch_size=BATCH_ROWS, ignore_conflicts=True)
        written += bool(hourly)
        hour += timedelta(hours=1)
    return written


def drop_old(now: datetime) -> None:
    """Delete rows past their time, at most a slice of each length per call."""
    for length, keep in KEEP.items():
        old = Sample.objects.filter(length=length, at__lt=now - keep).order_by("at")
        wanted = list(old.values_list("pk", flat=True)[:DELETE_ROWS])
        for start in range(0, len(wanted), BATCH_ROWS):
            Sample.objects.filter(pk__in=wanted[start : start + BATCH_ROWS]).delete()
