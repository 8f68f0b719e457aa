"""What happened on hosts: events as agents delivered them, and which of them never came."""

from typing import ClassVar

from django.db import models

from agents.models.host import Host
from workbench.core.models import ScopedManager, Workspace


class EventSpool(models.Model):
    """One spool of one host, and the highest number of it that is accounted for here."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="+")
    epoch = models.CharField(max_length=16)
    mark = models.BigIntegerField(default=0)
    has_gaps = models.BooleanField(default=False)
    begun_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host", "epoch"], name="event_spool_once_per_host"),
        ]

    def __str__(self) -> str:
        return f"{self.epoch} to {self.mark}"


class Event(models.Model):
    """One thing that happened on one host, or ``count`` equal ones within a minute.

    ``at`` is this server's time of it: when it arrived, less its age by the host's own steady
    clock. ``source_at`` is what the host's wall clock said, ``skew_seconds`` by how much that
    clock was ahead when it was sent. ``details`` has the parts who, where and what.
    """

    workspace = models.ForeignKey(
        Workspace, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    host = models.ForeignKey(Host, on_delete=models.CASCADE, db_index=False, related_name="+")
    spool = models.ForeignKey(
        EventSpool, on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    seq = models.BigIntegerField()
    event_id = models.CharField(max_length=32, blank=True)
    kind = models.CharField(max_length=40)
    event_class = models.CharField(max_length=1)
    stream = models.CharField(max_length=40)
    container_key = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    source_at = models.DateTimeField(null=True, blank=True)
    skew_seconds = models.IntegerField(default=0)
    count = models.PositiveIntegerField(default=1)
    details = models.JSONField(default=dict, blank=True)

    unscoped: ClassVar[models.Manager["Event"]] = models.Manager()
    objects: ClassVar[ScopedManager["Event"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["spool", "seq"], name="event_once_per_spool"),
        ]
        indexes: ClassVar = [models.Index(fields=["host", "at"], name="event_of_host_by_time")]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"


class EventGap(models.Model):
    """Events of one spool that are not here: still missing, or declared as dropped and why."""

    MISSING: ClassVar = "missing"

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="+")
    spool = models.ForeignKey(EventSpool, on_delete=models.CASCADE, related_name="+")
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    reason = models.CharField(max_length=40)
    at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(last__gte=models.F("first")), name="event_gap_is_a_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.first} to {self.last}: {self.reason}"


class EventDay(models.Model):
    """What one host delivered on one day: ``counts`` by kind, and of those the ones beyond the
    day's bound in ``only_counted``, which have no rows."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    rows = models.PositiveIntegerField(default=0)
    spools = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, blank=True)
    only_counted = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["host", "day"], name="event_day_once_per_host"),
        ]

    def __str__(self) -> str:
        return f"{self.rows} on {self.day}"
