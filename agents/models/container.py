"""Containers as their host's kernel shows them, and the facts that held for them over time."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from agents.models.blob import Blob
from agents.models.host import Host
from workbench.core.models import ScopedManager, Workspace


class Container(models.Model):
    """One container on one host, from first sight until it was gone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="containers")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="containers")
    key = models.CharField(max_length=64)
    container_id = models.CharField(max_length=128, blank=True)
    name = models.CharField(max_length=255, blank=True)
    runtime = models.CharField(max_length=64, blank=True)
    image_reference = models.CharField(max_length=512, blank=True)
    state = models.CharField(max_length=16, blank=True)
    first_seen = models.DateTimeField()
    gone_at = models.DateTimeField(null=True, blank=True)

    unscoped: ClassVar[models.Manager["Container"]] = models.Manager()
    objects: ClassVar[ScopedManager["Container"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "key"],
                condition=Q(gone_at__isnull=True),
                name="container_once_alive",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["workspace", "name"], name="container_by_name"),
        ]

    def __str__(self) -> str:
        return self.name or self.key


class ContainerFacts(models.Model):
    """Identity and posture of one container, from when to when; postures are shared by replicas."""

    container = models.ForeignKey(Container, on_delete=models.CASCADE, related_name="facts")
    identity = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    posture = models.ForeignKey(Blob, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["container"],
                condition=Q(valid_to__isnull=True),
                name="container_one_current_facts",
            ),
        ]

    def __str__(self) -> str:
        return f"facts of {self.container_id}"
