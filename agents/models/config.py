"""What a workspace tells its agents: a few bounded values, never paths, commands or addresses."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from workbench.core.models import Workspace


class AgentConfig(models.Model):
    """The configuration of one workspace's agents; ``etag`` names its exact content."""

    workspace = models.OneToOneField(
        Workspace, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    etag = models.CharField(max_length=16)
    values = models.JSONField(default=dict)
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(etag=""), name="agent_config_has_an_etag"),
        ]

    def __str__(self) -> str:
        return f"agent configuration {self.etag}"
