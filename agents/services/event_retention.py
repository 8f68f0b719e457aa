"""Deleting events after their time, in slices, oldest first.

Rows are deleted one by one; dropping a whole daily partition is cheaper, and comes with the
partitions.
"""

from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from agents.models import Event, EventDay, EventGap
from agents.services.event_rows import OLDEST

SLICE_ROWS: Final = 5_000
KEEP_DAYS: Final = timedelta(days=395)  # a day's counts: thirteen months


def events_sweep(*, now: datetime | None = None, max_slices: int = 20) -> int:
    """Delete events and gaps older than 30 days and counts older than 13 months; returns how many
    rows went. At most ``max_slices`` slices of events, the rest the next time."""
    now = now or timezone.now()
    gone = EventGap.objects.filter(at__lt=now - OLDEST).delete()[0]
    gone += EventDay.objects.filter(day__lt=(now - KEEP_DAYS).date()).delete()[0]
    for _ in range(max_slices):
        # Ids rise with arrival, so the oldest stand first and no index by time alone is needed.
        oldest = Event.unscoped.order_by("pk").values_list("pk", "at")[:SLICE_ROWS]
        over = [pk for pk, at in oldest if at < now - OLDEST]
        if not over:
            break
        gone += Event.unscoped.filter(pk__in=over).delete()[0]
    return gone
