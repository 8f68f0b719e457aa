"""Who reports and who does not: the population behind every number on the pages."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q

from agents.models import AgentConfig, Host, HostState
from agents.selectors.program import is_older
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
    revoked: int
    without_facts: int
    degraded: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Silence:
    """How long hosts of a workspace may be quiet, seen from one moment."""

    now: datetime
    allowed: timedelta

    @property
    def before(self) -> datetime:
        """An active host last heard of before this moment is silent."""
        return self.now - self.allowed


def silence_of(workspace: Workspace, *, now: datetime) -> Silence:
    """Three beats missed and half a minute, by the interval its agents are told. One query."""
    told = AgentConfig.objects.filter(workspace=workspace).values_list("values", flat=True).first()
    interval = (told or {}).get("interval", settings.HEARTBEAT_INTERVAL_SECONDS)
    return Silence(now, MISSED_BEATS * timedelta(seconds=interval) + GRACE)


def hosts_present(workspace: Workspace) -> ScopedQuerySet[Host]:
    """Every host that was not retired."""
    return Host.objects.of(workspace).exclude(state=HostState.RETIRED)


def is_degraded() -> Q:
    """Hosts whose agent reads less than it could: it does not run as root."""
    return Q(facts_at__isnull=False) & ~Q(agent_level=ROOT_LEVEL)


def is_revoked() -> Q:
    """Hosts whose agent's key a person took back."""
    return Q(agent__revoked_at__isnull=False)


def is_silent(silence: Silence) -> Q:
    """Active hosts that stopped reporting, though they may."""
    late = Q(state=HostState.ACTIVE, live__last_seen__lt=silence.before)
    return late & ~is_revoked()


def versions_of(workspace: Workspace) -> dict[str, int]:
    """How many hosts run each version of the agent. One query."""
    rows = hosts_present(workspace).exclude(agent_version="").values_list("agent_version")
    return dict(rows.annotate(Count("pk")).order_by())


def is_outdated(versions: dict[str, int], *, served: str) -> Q:
    """Hosts that run a version older than the one this server hands out."""
    old = [version for version in versions if is_older(version, than=served)]
    return Q(agent_version__in=old)


def population_of(workspace: Workspace, silence: Silence) -> Population:
    """Counts of the workspace's hosts. One query."""
    active = Q(state=HostState.ACTIVE) & ~is_revoked()
    row = hosts_present(workspace).aggregate(
        enrolled=Count("pk"),
        reporting=Count("pk", filter=active & Q(live__last_seen__gte=silence.before)),
        silent=Count("pk", filter=is_silent(silence)),
        pending=Count("pk", filter=Q(state=HostState.PENDING)),
        forked=Count("pk", filter=Q(state=HostState.FORKED)),
        revoked=Count("pk", filter=is_revoked()),
        without_facts=Count("pk", filter=Q(facts_at__isnull=True)),
        degraded=Count("pk", filter=is_degraded()),
        oldest=Min("live__last_seen", filter=Q(facts_at__isnull=False)),
    )
    return Population(**row)
