"""Hosts, when they were last seen, and which facts hold for them since when."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone

from agents.models.blob import Blob
from workbench.core.models import ScopedManager, Workspace


class HostState(models.TextChoices):
    """Where a host stands in its life."""

    PENDING = "pending", "Waiting for approval"
    ACTIVE = "active", "Active"
    FORKED = "forked", "Two machines use one identity"
    RETIRED = "retired", "Retired"


class Criticality(models.TextChoices):
    """How much depends on the host; moves the impact of its findings."""

    LOW = "low", "Low"
    NORMAL = "normal", "Normal"
    HIGH = "high", "High"
    CRITICAL = "critical", "Critical"


class Host(models.Model):
    """One machine that runs containers, known by its enrolment; its name is only a label."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="hosts")
    name = models.CharField(max_length=255)
    labels = models.JSONField(default=dict, blank=True)
    criticality = models.CharField(max_length=10, choices=Criticality, default=Criticality.NORMAL)
    state = models.CharField(max_length=10, choices=HostState, default=HostState.ACTIVE)
    fingerprint = models.CharField(max_length=64, blank=True)
    enrolled_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True, blank=True)
    # Rises when a person changes criticality or a label that checks read: judge the facts anew.
    assignment_number = models.PositiveIntegerField(default=0)
    # Copied from the newest facts, so that lists need not open blobs.
    os_name = models.CharField(max_length=120, blank=True)
    kernel_release = models.CharField(max_length=120, blank=True)
    agent_version = models.CharField(max_length=40, blank=True)
    agent_level = models.CharField(max_length=20, blank=True)
    # The index the newest facts came with: root digest, its number, and when it arrived.
    facts_root = models.CharField(max_length=64, blank=True)
    facts_number = models.PositiveBigIntegerField(default=0)
    facts_at = models.DateTimeField(null=True, blank=True)
    # What it used of its allowance this hour (see agents.services.quotas), and the last excess.
    usage = models.JSONField(default=dict, blank=True)
    flag = models.CharField(max_length=120, blank=True)
    flagged_at = models.DateTimeField(null=True, blank=True)

    unscoped: ClassVar[models.Manager["Host"]] = models.Manager()
    objects: ClassVar[ScopedManager["Host"]] = ScopedManager()

    class Meta:
        default_manager_name = "unscoped"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["workspace", "fingerprint"],
                condition=~Q(fingerprint="") & ~Q(state="retired"),
                name="host_fingerprint_once",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["workspace", "name"], name="host_by_name")]

    def __str__(self) -> str:
        return self.name


class HostLive(models.Model):
    """When a host last reported: narrow, without a second index, updated in batches."""

    host = models.OneToOneField(
        Host, on_delete=models.CASCADE, primary_key=True, related_name="live"
    )
    last_seen = models.DateTimeField()
    counter = models.BigIntegerField(default=0)
    boot = models.CharField(max_length=36, blank=True)
    # The boot before, and the last counter heard from it: hearing it go on means two machines.
    previous_boot = models.CharField(max_length=36, blank=True)
    previous_counter = models.BigIntegerField(default=0)
    # "memory" while the agent cannot write its spool to disk.
    spool = models.CharField(max_length=10, blank=True)
    forked_at = models.DateTimeField(null=True, blank=True)
    rival_boot = models.CharField(max_length=36, blank=True)
    rolled_back_at = models.DateTimeField(null=True, blank=True)
    # Since when a sweep found it silent; empty while it reports.
    silent_since = models.DateTimeField(null=True, blank=True)
    # By how much the host's wall clock was ahead of ours when it last sent events.
    clock_skew_seconds = models.IntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.host_id} at {self.last_seen}"


class HostSection(models.Model):
    """One section's body (or the reason why it is missing) on one host, from when to when."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="sections")
    section = models.CharField(max_length=40)
    blob = models.ForeignKey(Blob, on_delete=models.PROTECT, null=True, related_name="+")
    error = models.JSONField(default=dict, blank=True)
    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "section"],
                condition=Q(valid_to__isnull=True),
                name="section_one_current_body",
            ),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=models.F("valid_from")),
                name="section_ends_after_it_begins",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.section} of {self.host_id}"
