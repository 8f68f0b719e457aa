"""How hosts join: tokens for enrolment, and the key that each agent holds."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from agents.models.host import Host
from workbench.core.models import ScopedManager, Workspace


class EnrolmentToken(models.Model):
    """The right to add hosts to one workspace: limited in time and number, useless for data."""

    class Mode(models.TextChoices):
        """Whether a host that enrols is active at once."""

        AUTO = "auto", "Active at once"
        APPROVE = "approve", "Waits for approval"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=80)
    secret_hash = models.CharField(max_length=64, unique=True)
    labels = models.JSONField(default=dict, blank=True)
    # Networks (CIDR) that a host must enrol from; empty means from anywhere.
    networks = models.JSONField(default=list, blank=True)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.AUTO)
    max_uses = models.PositiveIntegerField(default=100)
    uses = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    unscoped: ClassVar[models.Manager["EnrolmentToken"]] = models.Manager()
    objects: ClassVar[ScopedManager["EnrolmentToken"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(uses__lte=models.F("max_uses")), name="enrolment_uses_bounded"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Agent(models.Model):
    """The key of the program on one host. Only the hash of its secret is known here."""

    host = models.OneToOneField(
        Host, on_delete=models.CASCADE, primary_key=True, related_name="agent"
    )
    secret_hash = models.CharField(max_length=64)
    previous_secret_hash = models.CharField(max_length=64, blank=True)
    # Rotation: the key that follows, when it was announced, and when the present one took over.
    next_secret_hash = models.CharField(max_length=64, blank=True)
    next_at = models.DateTimeField(null=True, blank=True)
    rotated_at = models.DateTimeField(null=True, blank=True)
    rotate_asked_at = models.DateTimeField(null=True, blank=True)
    # The live record whose fingerprint this waiting host shows too, without proof of its key.
    claims = models.ForeignKey(
        Host, on_delete=models.SET_NULL, null=True, blank=True, related_name="claimed_by"
    )
    enrol_nonce = models.CharField(max_length=64)
    enrolled_with = models.ForeignKey(
        EnrolmentToken, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["enrol_nonce", "secret_hash"], name="agent_enrols_once_per_nonce"
            ),
        ]

    def __str__(self) -> str:
        return f"agent of {self.host_id}"
