"""Noting once that a host fell silent, and once that it is back.

One sweep looks at all hosts; there is no timer per host. When more than a fifth of a workspace
falls silent in one sweep, the fault is hardly the hosts': it is one entry, not twenty thousand.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from django.db import transaction
from django.utils import timezone

from agents.models import Host, HostLive, HostState
from agents.selectors.population import is_revoked, is_silent, silence_of
from agents.services.last_seen import write_last_seen
from workbench.core import audit
from workbench.core.models import Workspace

SLICE_ROWS: Final = 500
INCIDENT_SHARE: Final = 0.2
INCIDENT_HOSTS: Final = 10


class Turn(StrEnum):
    """What a sweep may find: the verb of the audit entry, and its plural for an incident."""

    SILENT = "silent"
    HEARD = "heard_again"


def silence_sweep() -> int:
    """Note who fell silent and who is back; returns how many. A second run finds nobody."""
    # What was heard but not yet written is no silence.
    write_last_seen()
    now = timezone.now()
    return sum(workspace_sweep(one, now=now) for one in Workspace.objects.order_by("pk"))


def workspace_sweep(workspace: Workspace, *, now: datetime) -> int:
    """The same for one workspace; sweeps at the same time wait for each other."""
    silence = silence_of(workspace, now=now)
    with transaction.atomic():
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        hosts = Host.objects.of(workspace).select_related("live").order_by("pk")
        active = hosts.filter(state=HostState.ACTIVE).exclude(is_revoked())
        quiet = list(hosts.filter(is_silent(silence), live__silent_since=None))
        heard = list(active.filter(live__silent_since__isnull=False).exclude(is_silent(silence)))
        if quiet or heard:
            total = active.count()
            _note(workspace, quiet, Turn.SILENT, total=total, now=now)
            _note(workspace, heard, Turn.HEARD, total=total, now=now)
    return len(quiet) + len(heard)


def _note(
    workspace: Workspace, hosts: Sequence[Host], turn: Turn, *, total: int, now: datetime
) -> None:
    since = now if turn is Turn.SILENT else None
    ids = [host.pk for host in hosts]
    for start in range(0, len(ids), SLICE_ROWS):
        rows = HostLive.objects.filter(host_id__in=ids[start : start + SLICE_ROWS])
        rows.update(silent_since=since)
    if len(hosts) >= INCIDENT_HOSTS and len(hosts) > INCIDENT_SHARE * total:
        after = {"hosts": len(hosts), "of": total}
        changes = [audit.Change(f"hosts.{turn}", str(workspace.pk), after=after)]
    else:
        changes = [
            audit.Change(
                f"host.{turn}",
                str(host.pk),
                after={"name": host.name, "last_seen": host.live.last_seen.isoformat()},
            )
            for host in hosts
        ]
    audit.record_many(workspace, changes, actor="system", now=now)
