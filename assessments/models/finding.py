"""Findings: what does not pass, since when."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models import Container, Host
from workbench.core.models import ScopedManager, Workspace


class Finding(models.Model):
    """One check that fails, or cannot be answered, on one target. Only facts open and close it."""

    class Status(models.TextChoices):
        """Why it stands here."""

        FAIL = "fail", "Fails"
        UNKNOWN = "unknown", "Unknown"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="findings")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="findings")
    container = models.ForeignKey(
        Container, on_delete=models.CASCADE, null=True, related_name="findings"
    )
    check_id = models.CharField(max_length=40)
    area = models.CharField(max_length=20)
    layer = models.CharField(max_length=20)
    mechanism = models.CharField(max_length=40)
    target_kind = models.CharField(max_length=12)
    target_key = models.CharField(max_length=255)
    target_name = models.CharField(max_length=520)
    status = models.CharField(max_length=8, choices=Status)
    level = models.PositiveSmallIntegerField()
    likelihood = models.PositiveSmallIntegerField()
    impact = models.PositiveSmallIntegerField()
    steps = models.JSONField(default=list)
    evidence = models.JSONField(default=list)
    reason = models.CharField(max_length=1000, blank=True)
    first_seen = models.DateTimeField()
    changed_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    unscoped: ClassVar[models.Manager["Finding"]] = models.Manager()
    objects: ClassVar[ScopedManager["Finding"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "check_id", "target_key"],
                condition=Q(closed_at__isnull=True),
                name="finding_open_once",
            ),
            models.CheckConstraint(
                condition=Q(level__range=(0, 5), likelihood__range=(1, 5), impact__range=(1, 5)),
                name="finding_scores_in_range",
            ),
            models.CheckConstraint(
                condition=Q(status="unknown", level=0) | Q(status="fail", level__gte=1),
                name="finding_unknown_has_no_level",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["workspace", "status", "-level"],
                name="finding_open_worst",
                condition=Q(closed_at__isnull=True),
            ),
            models.Index(fields=["container", "closed_at"], name="finding_of_container"),
        ]

    def __str__(self) -> str:
        return f"{self.check_id} on {self.target_name}"
