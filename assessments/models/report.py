"""Reports: asked for, rendered by a worker from one frozen dataset, kept with their digest."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from workbench.core.models import ScopedManager, Workspace


class ReportState(models.TextChoices):
    """How far a report is."""

    REQUESTED = "requested", "Waiting"
    RENDERING = "rendering", "Being rendered"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"


class Report(models.Model):
    """One report. ``dataset`` is what it was made from; the same dataset gives the same bytes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="reports")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    state = models.CharField(max_length=12, choices=ReportState, default=ReportState.REQUESTED)
    progress = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    requested_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    dataset = models.BinaryField(default=bytes)
    dataset_digest = models.CharField(max_length=64, blank=True)
    pdf = models.BinaryField(default=bytes)
    pdf_digest = models.CharField(max_length=64, blank=True)

    unscoped: ClassVar[models.Manager["Report"]] = models.Manager()
    objects: ClassVar[ScopedManager["Report"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "number"], name="report_number_once"),
            models.CheckConstraint(
                condition=models.Q(progress__range=(0, 100)), name="report_progress_percent"
            ),
        ]

    def __str__(self) -> str:
        return f"Report {self.number}"
