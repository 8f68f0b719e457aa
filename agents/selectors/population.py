"""Who reports and who does not: the population behind every number on the pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q

from agents.models import Host, HostState
from workbench.core.models import ScopedQuerySet, Workspace

MISSED_BEATS = 3
GRACE = timedelta(seconds=30)
ROOT_LEVEL = "root"


@dataclass(frozen=True, slots=True)
class Population:
    """Hosts of a workspace by how they report; ``oldest`` is when the quietest was heard."""

    enrolled: int
    reporting: int
    silent: int
    pending: int
    forked: int
    without_facts: int
    degraded: int
    oldest: datetime | None


def silent_before(now: datetime) -> datetime:
    """An active host last heard of before this moment is silent: three beats missed."""
    return now - MISSED_BEATS * timedelta(seconds=settings.HEARTBEAT_INTERVAL_SECONDS) - GRACE


def hosts_present(workspace: Workspace) -> ScopedQuerySet[Host]:
    """Every host that was not retired."""
    return Host.objects.of(workspace).exclude(state=HostState.RETIRED)


def is_degraded() -> Q:
    """Hosts whose agent reads less than it could: it does not run as root."""
    return Q(facts_at__isnull=False) & ~Q(agent_level=ROOT_LEVEL)


def is_silent(now: datetime) -> Q:
    """Active hosts that stopped reporting."""
    return Q(state=HostState.ACTIVE, live__last_seen__lt=silent_before(now))


def population_of(workspace: Workspace, *, now: datetime) -> Population:
    """Counts of the workspace's hosts. One query."""
    active = Q(state=HostState.ACTIVE)
    row = hosts_present(workspace).aggregate(
        enrolled=Count("pk"),
        reporting=Count("pk", filter=active & Q(live__last_seen__gte=silent_before(now))),
        silent=Count("pk", filter=is_silent(now)),
        pending=Count("pk", filter=Q(state=HostState.PENDING)),
        forked=Count("pk", filter=Q(state=HostState.FORKED)),
        without_facts=Count("pk", filter=Q(facts_at__isnull=True)),
        degraded=Count("pk", filter=is_degraded()),
        oldest=Min("live__last_seen", filter=Q(facts_at__isnull=False)),
    )
    return Population(**row)
