"""Celery's part in background work: look now, and the sweep that looks anyway."""

from celery import shared_task
from django.utils import timezone

from workbench.core.work import items

SLICE_ITEMS = 200


@shared_task(name="workbench.look_now", ignore_result=True)
def look_now() -> int:
    """Serve due work items; running it twice finds nothing the second time."""
    return items.run_due(clock=timezone.now, limit=SLICE_ITEMS)


@shared_task(name="workbench.sweep", ignore_result=True)
def sweep() -> int:
    """The same, sent by the scheduler every few seconds in case a wake-up was lost."""
    return items.run_due(clock=timezone.now, limit=SLICE_ITEMS)
