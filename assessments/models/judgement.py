"""What judging a host came to: once per facts and catalogue, with counters per area."""

from typing import ClassVar

from django.db import models

from agents.models import Host
from workbench.core.models import Workspace


class Judgement(models.Model):
    """One evaluation of one host's facts by one catalogue, with what people said of the host then.

    The three occur together once: ``assignment_number`` is the host's of that moment.
    """

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="judgements")
    facts_root = models.CharField(max_length=64)
    facts_number = models.PositiveBigIntegerField()
    catalogue_digest = models.CharField(max_length=64)
    assignment_number = models.PositiveIntegerField(default=0)
    judged_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "facts_number", "catalogue_digest", "assignment_number"],
                name="judgement_once_per_inputs",
            ),
        ]

    def __str__(self) -> str:
        return f"judgement of {self.host_id} at {self.judged_at}"


class AreaCount(models.Model):
    """How one host stands in one area and mechanism: the counters behind posture and strata."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="area_counts")
    area = models.CharField(max_length=20)
    layer = models.CharField(max_length=20)
    mechanism = models.CharField(max_length=40)
    passed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    unknown = models.PositiveIntegerField()
    not_applicable = models.PositiveIntegerField()
    weight_passed = models.PositiveIntegerField()
    weight_total = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "area", "layer", "mechanism"], name="area_count_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["workspace"], name="area_count_workspace")]

    def __str__(self) -> str:
        return f"{self.area}/{self.mechanism} of {self.host_id}"
