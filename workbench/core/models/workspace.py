"""Workspaces and who may do what in them."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class Role(models.TextChoices):
    """What a member may do; the permission table names these words."""

    ADMIN = "admin", "Administrator"
    ANALYST = "analyst", "Analyst"
    REVIEWER = "reviewer", "Reviewer"
    REMEDIATION_OWNER = "remediation_owner", "Remediation owner"


class Workspace(models.Model):
    """One organisation's estate; nothing crosses from one workspace to another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(default=timezone.now)
    # Salt of the hashes under which hosts prove their identity; goes to agents only.
    fingerprint_salt = models.UUIDField(default=uuid.uuid4)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role in one workspace."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "workspace"], name="membership_one_role_per_workspace"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=[role.value for role in Role]),
                name="membership_role_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} as {self.role}"
