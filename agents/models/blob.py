"""Bodies of facts, stored once per digest and workspace."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from workbench.core.models import Workspace


class Blob(models.Model):
    """The exact bytes of one section or container part, gzipped; never changed, never per host.

    Shared within a workspace only: the digests of one workspace tell nothing about another.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64)
    raw_bytes = models.PositiveIntegerField()
    body = models.BinaryField()
    stored_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["workspace", "digest"], name="blob_once_per_workspace"),
        ]
        indexes: ClassVar = [models.Index(fields=["stored_at"], name="blob_by_age")]

    def __str__(self) -> str:
        return self.digest[:12]
