"""Work that must happen: a row, committed with the change that caused it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class WorkItem(models.Model):
    """One thing to do for one key (``host.facts_changed`` for a host id).

    ``wanted`` counts how often it was asked for, ``leased_wanted`` the count that the present lease
    serves: work asked for again while it runs is run again, and never twice for one ask.
    """

    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=80)
    wanted = models.PositiveBigIntegerField(default=1)
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    leased_wanted = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    quarantined_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "key"], name="work_one_row_per_key"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                name="work_due",
                condition=Q(done_at__isnull=True, quarantined_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
