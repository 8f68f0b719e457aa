"""Deleting bodies that no host ever linked: what an agent sent and then made no use of.

Bodies with a link stay: links are the history, and are never deleted.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, ProtectedError, QuerySet
from django.utils import timezone

from agents.models import Blob, ContainerFacts, HostSection

# An index follows its bodies at once; who was interrupted for so long sends them again.
UNUSED_AFTER: Final = timedelta(days=2)
LOOK_BACK: Final = timedelta(days=30)
SLICE_ROWS: Final = 500
MAX_SLICES: Final = 20


def blobs_sweep(now: datetime | None = None) -> int:
    """Delete bodies without a link, some slices at a time; returns how many."""
    now, deleted = now or timezone.now(), 0
    for _ in range(MAX_SLICES):
        ids = list(_unused(now).values_list("pk", flat=True)[:SLICE_ROWS])
        if not ids:
            break
        try:
            with transaction.atomic():
                deleted += Blob.objects.filter(pk__in=ids).delete()[0]
        except (ProtectedError, IntegrityError):
            break  # one of them was linked just now: the next sweep takes the others
    return deleted


def _unused(now: datetime) -> QuerySet[Blob]:
    links = [
        HostSection.objects.filter(blob=OuterRef("pk")),
        ContainerFacts.objects.filter(identity=OuterRef("pk")),
        ContainerFacts.objects.filter(posture=OuterRef("pk")),
    ]
    age = (now - LOOK_BACK, now - UNUSED_AFTER)
    rows = Blob.objects.filter(stored_at__range=age).order_by("pk")
    for link in links:
        rows = rows.filter(~Exists(link))
    return rows
