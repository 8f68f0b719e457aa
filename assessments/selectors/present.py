"""Findings of the hosts that are there: a retired host's stay stored, and count nowhere."""

from agents.models import HostState
from assessments.models import Finding
from workbench.core.models import ScopedQuerySet, Workspace


def findings_present(workspace: Workspace) -> ScopedQuerySet[Finding]:
    """Findings, open and closed, of every host that was not retired."""
    return Finding.objects.of(workspace).exclude(host__state=HostState.RETIRED)


def open_findings(workspace: Workspace) -> ScopedQuerySet[Finding]:
    """Those of them that are open."""
    return findings_present(workspace).filter(closed_at__isnull=True)
