"""Asking for work, leasing it and finishing it. The database is the truth; a wake-up only hurries.

Effectively once: the handler's changes and the mark that the lease is served commit together, and
the mark is a conditional update. A worker that was killed, or that lost its lease, leaves nothing.
"""

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.module_loading import import_string

from workbench.core.models import WorkItem

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
RETRY_SECONDS = (1, 5, 30, 120, 600)
SLICE_KEYS = 500

# Does the slow part without a transaction and returns what must be written with the mark.
Apply = Callable[[], None]
Handler = Callable[[str], Apply | None]
_handlers: dict[str, Handler] = {}


class LeaseLost(Exception):
    """Another worker took the item over; everything this one did is rolled back."""


@dataclass(frozen=True, slots=True)
class Leased:
    """One item while this worker holds it."""

    pk: int
    kind: str
    key: str
    lease: uuid.UUID
    attempts: int


def subscribe(kind: str, handler: Handler) -> None:
    """Let ``handler`` serve items of ``kind``; called once per kind when the apps are ready."""
    _handlers[kind] = handler


def handled_kinds() -> list[str]:
    """The kinds that somebody serves."""
    return sorted(_handlers)


def want(kind: str, key: str, *, now: datetime) -> None:
    """Ask for work inside the transaction of the change; wake workers after commit."""
    want_many(kind, [key], now=now)


def want_many(kind: str, keys: Sequence[str], *, now: datetime) -> None:
    """Ask for the same work on many keys: two queries per 500."""
    for start in range(0, len(keys), SLICE_KEYS):
        part = keys[start : start + SLICE_KEYS]
        rows = [WorkItem(kind=kind, key=key, wanted=0, due_at=now) for key in part]
        WorkItem.objects.bulk_create(rows, ignore_conflicts=True)
        WorkItem.objects.filter(kind=kind, key__in=part).update(
            wanted=F("wanted") + 1, due_at=now, done_at=None, quarantined_at=None, attempts=0
        )
    transaction.on_commit(wake)


def wake() -> None:
    """Tell the workers to look now; a lost wake-up costs one sweep interval, never the work."""
    import_string(f"{settings.WAKE_BACKEND}.wake")()


def lease_next(*, now: datetime) -> Leased | None:
    """Take the longest-due item that nobody holds, or None."""
    with transaction.atomic():
        free = Q(leased_until__isnull=True) | Q(leased_until__lt=now)
        item = (
            WorkItem.objects.select_for_update(skip_locked=True)
            .filter(free, done_at__isnull=True, quarantined_at__isnull=True, due_at__lte=now)
            .filter(kind__in=handled_kinds())
            .order_by("due_at", "pk")
            .first()
        )
        if item is None:
            return None
        lease = uuid.uuid4()
        until = now + timedelta(seconds=settings.WORK_LEASE_SECONDS)
        WorkItem.objects.filter(pk=item.pk).update(
            lease=lease, leased_until=until, leased_wanted=F("wanted"), attempts=F("attempts") + 1
        )
        return Leased(item.pk, item.kind, item.key, lease, item.attempts + 1)


def run(leased: Leased, *, clock: Callable[[], datetime]) -> None:
    """Serve one leased item; a failure is stored with the item and tried again later."""
    try:
        apply = _handlers[leased.kind](leased.key)
        with transaction.atomic():
            if apply is not None:
                apply()
            _mark_served(leased, now=clock())
    except LeaseLost:
        logger.warning("work lease lost", extra={"kind": leased.kind, "key": leased.key})
    except Exception as error:  # the outermost loop of background work
        logger.exception("work failed: %s %s", leased.kind, leased.key)
        _mark_failed(leased, error=error, now=clock())


def run_due(*, clock: Callable[[], datetime], limit: int = 100) -> int:
    """Serve up to ``limit`` due items; returns how many were served."""
    for count in range(limit):
        leased = lease_next(now=clock())
        if leased is None:
            return count
        run(leased, clock=clock)
    return limit


def _mark_served(leased: Leased, *, now: datetime) -> None:
    mine = WorkItem.objects.filter(pk=leased.pk, lease=leased.lease)
    free = {"lease": None, "leased_until": None, "attempts": 0, "last_error": ""}
    if mine.filter(wanted=F("leased_wanted")).update(done_at=now, **free):
        return
    # Asked for again while it ran: free it, still due.
    if not mine.update(due_at=now, **free):
        raise LeaseLost


def _mark_failed(leased: Leased, *, error: Exception, now: datetime) -> None:
    wait = RETRY_SECONDS[min(leased.attempts, len(RETRY_SECONDS)) - 1]
    WorkItem.objects.filter(pk=leased.pk, lease=leased.lease).update(
        lease=None,
        leased_until=None,
        due_at=now + timedelta(seconds=wait),
        quarantined_at=now if leased.attempts >= MAX_ATTEMPTS else None,
        last_error=f"{type(error).__name__}: {error}"[:500].replace("\x00", ""),
    )
