"""How much one host may send in an hour, and what a workspace may hold.

Far above what hosts do, far below what would hurt others: an agent with a valid key may still be
in hostile hands. What goes over is refused, and the host is flagged for people to see.
"""

import secrets
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Sum

from agents.models import Blob, Host
from workbench.core import audit
from workbench.core.errors import DomainError
from workbench.core.models import Workspace

# An agent reports changes twice a minute at most, so this leaves room for retries.
MAX_INDEXES: Final = 240
MAX_NEW_CONTAINERS: Final = 10_000
MAX_NEW_BYTES: Final = 128 * 1024 * 1024
MAX_CONTAINERS: Final = 5_000
SUM_SECONDS: Final = 300
FLAG_EVERY: Final = timedelta(hours=1)


class QuotaExceeded(DomainError):
    """The host sent more than it may; ``retry_after_seconds`` is a floor."""

    status = 429
    code = "quota"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.retry_after_seconds = 5 + secrets.randbelow(56)


class QuotaTooLarge(DomainError):
    """More than a host or its workspace can hold at all: coming again does not help."""

    status = 413
    code = "quota"


@dataclass(frozen=True, slots=True)
class Usage:
    """What a host used in one hour (hours since 1970)."""

    hour: int = 0
    indexes: int = 0
    containers: int = 0
    raw_bytes: int = 0

    def spend(self, *, indexes: int = 0, containers: int = 0, raw_bytes: int = 0) -> "Usage":
        """The usage with this added.

        Raises:
            QuotaExceeded: when it is more than an hour's allowance.
        """
        spent = replace(
            self,
            indexes=self.indexes + indexes,
            containers=self.containers + containers,
            raw_bytes=self.raw_bytes + raw_bytes,
        )
        over = {
            f"changes its facts more than {MAX_INDEXES} times": spent.indexes > MAX_INDEXES,
            f"starts more than {MAX_NEW_CONTAINERS} containers": (
                spent.containers > MAX_NEW_CONTAINERS
            ),
            f"sends more than {MAX_NEW_BYTES >> 20} MiB of new facts": (
                spent.raw_bytes > MAX_NEW_BYTES
            ),
        }
        for what, is_over in over.items():
            if is_over:
                message = f"this host {what} in an hour"
                raise QuotaExceeded(message)
        return spent

    def as_json(self) -> dict[str, int]:
        """What ``Host.usage`` keeps."""
        return asdict(self)


def usage_of(host: Host, *, now: datetime) -> Usage:
    """What the host used in the present hour."""
    hour = int(now.timestamp()) // 3_600
    kept: dict[str, Any] = host.usage
    return Usage(**kept) if kept.get("hour") == hour else Usage(hour)


def check_containers(count: int) -> None:
    """Raises QuotaTooLarge for more containers than one host may have."""
    if count > MAX_CONTAINERS:
        message = f"this host has more than {MAX_CONTAINERS} containers"
        raise QuotaTooLarge(message)


def check_storage(workspace: Workspace, *, more_bytes: int) -> None:
    """Refuse new facts of a workspace that is full. One query in five minutes.

    Raises:
        QuotaTooLarge: over ``settings.FACTS_MAX_GIB``.
    """
    key = f"facts-bytes:{workspace.pk}"
    held = cache.get(key)
    if held is None:
        rows = Blob.objects.filter(workspace=workspace)
        held = rows.aggregate(total=Sum("raw_bytes"))["total"] or 0
    cache.set(key, held + more_bytes, SUM_SECONDS)
    if held + more_bytes > settings.FACTS_MAX_GIB << 30:
        message = f"the facts of this workspace fill their {settings.FACTS_MAX_GIB} GiB"
        raise QuotaTooLarge(message)


def host_flag(host_id: uuid.UUID, text: str, *, now: datetime) -> None:
    """Let people see what the host did; at most one audit entry an hour."""
    with transaction.atomic():
        rows = Host.unscoped.select_related("workspace")
        rows = rows.select_for_update(of=("self",), no_key=True)
        host = rows.get(pk=host_id)
        is_new = host.flagged_at is None or host.flagged_at < now - FLAG_EVERY
        host.flag, host.flagged_at = text[:120], now if is_new else host.flagged_at
        host.save(update_fields=["flag", "flagged_at"])
        if is_new:
            audit.record(
                host.workspace,
                actor=f"agent:{host_id}",
                verb="host.flagged",
                target=str(host_id),
                now=now,
                after={"name": host.name, "flag": host.flag},
            )
