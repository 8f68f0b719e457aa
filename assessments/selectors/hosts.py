"""Lists of hosts with what is open on each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import Case, Count, F, Max, OuterRef, Q, Subquery, Value, When, Window
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, RowNumber

from agents.models import Container, Host, HostState
from agents.selectors.population import (
    Silence,
    hosts_present,
    population_of,
    silence_of,
    versions_of,
)
from agents.selectors.program import is_older, served_version
from assessments.models import Finding, Judgement
from assessments.selectors.findings import row_of
from assessments.selectors.host_filters import HostFilters, hosts_matching, states_counted
from assessments.selectors.sentences import clause_of
from assessments.selectors.worst import worst_of
from workbench.core.models import Workspace

PAGE_ROWS: Final = 50
WORST_SHOWN: Final = 6
# Among equals, what lets a container out comes before how people and logs are kept.
ESCAPES_FIRST: Final = Case(
    When(area="segregation", target_kind="container", then=Value(2)),
    When(area="segregation", then=Value(1)),
    default=Value(0),
)


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host with its open findings per level (index 0 holds the unknowns) and containers."""

    host: Host
    levels: tuple[int, ...]
    containers: int
    is_silent: bool
    last_seen: datetime | None
    judged_number: int
    is_current: bool
    is_revoked: bool = False
    is_outdated: bool = False
    why: str = ""

    @property
    def is_judged(self) -> bool:
        """True when some facts of the host were judged: only then does "none open" say anything."""
        return self.judged_number > 0

    @property
    def level(self) -> int:
        """The worst open level, 0 when nothing fails."""
        return max((level for level in range(1, 6) if self.levels[level]), default=0)

    @property
    def very_high(self) -> int:
        """Findings of very high risk."""
        return self.levels[5]

    @property
    def high(self) -> int:
        """Findings of high risk."""
        return self.levels[4]

    @property
    def fails(self) -> int:
        """Open findings of any level."""
        return sum(self.levels[1:])

    @property
    def unknowns(self) -> int:
        """Checks that could not be decided."""
        return self.levels[0]


@dataclass(frozen=True, slots=True)
class HostList:
    """The hosts of one page, the page for the links below, and how many there are of each state."""

    rows: tuple[HostRow, ...]
    page: Page[Any]
    states: list[tuple[str, str, int | None]]
    pending: int
    enrolled: int


SORTS: Final[Mapping[str, tuple[str | Combinable, ...]]] = {
    "risk": (F("worst").desc(), "name", "pk"),
    "name": ("name", "pk"),
    "seen": (F("live__last_seen").asc(nulls_first=True), "pk"),
    "kernel": ("kernel_release", "name", "pk"),
}


def hosts_list(workspace: Workspace, filters: HostFilters, *, now: datetime, page: int) -> HostList:
    """One page of hosts. Eight queries, one more for those with an old agent."""
    versions, served = versions_of(workspace), served_version()
    silence = silence_of(workspace, now=now)
    population = population_of(workspace, silence)
    rows = hosts_matching(workspace, filters, silence=silence).annotate(worst=worst_of("host"))
    ordered = rows.select_related("live", "agent").order_by(*SORTS[filters.sort])
    found = Paginator(ordered, PAGE_ROWS).get_page(page)
    return HostList(
        rows=host_rows(list(found), silence=silence, served=served),
        page=found,
        states=states_counted(population, versions, served=served),
        pending=population.pending,
        enrolled=population.enrolled,
    )


def host_rows(hosts: Sequence[Host], *, silence: Silence, served: str = "") -> tuple[HostRow, ...]:
    """The hosts with their counts. Three queries, when their live row and agent are at hand."""
    levels = levels_by("host_id", [host.pk for host in hosts])
    alive = Container.unscoped.filter(host__in=hosts, gone_at__isnull=True)
    containers = dict(alive.values_list("host_id").annotate(Count("pk")))
    numbers, current = _judged_numbers(hosts)
    return tuple(
        HostRow(
            host=host,
            levels=levels.get(host.pk, (0,) * 6),
            containers=containers.get(host.pk, 0),
            is_silent=is_silent_now(host, silence),
            is_revoked=is_revoked_now(host),
            is_outdated=bool(host.agent_version) and is_older(host.agent_version, than=served),
            last_seen=last_seen_of(host),
            judged_number=numbers.get(host.pk, 0),
            is_current=current.get(host.pk, -1) >= host.facts_number,
        )
        for host in hosts
    )


def _judged_numbers(hosts: Sequence[Host]) -> tuple[dict[object, int], dict[object, int]]:
    """The newest facts that were judged per host: at all, and with what people say of it now."""
    rows = Judgement.objects.filter(host__in=hosts).values_list("host_id")
    as_it_is = Q(assignment_number=F("host__assignment_number"))
    found = list(rows.annotate(Max("facts_number"), now=Max("facts_number", filter=as_it_is)))
    return (
        {pk: newest for pk, newest, _ in found},
        {pk: newest for pk, _, newest in found if newest is not None},
    )


def levels_by(column: str, ids: Iterable[object]) -> dict[object, tuple[int, ...]]:
    """Open findings per level, 0 (unknown) to 5, by host or container. One query."""
    mine = Finding.unscoped.filter(**{f"{column}__in": list(ids)}, closed_at__isnull=True)
    found: dict[object, list[int]] = {}
    for row in mine.values(column, "level").annotate(count=Count("pk")).order_by():
        found.setdefault(row[column], [0] * 6)[row["level"]] = row["count"]
    return {key: tuple(counts) for key, counts in found.items()}


def worst_hosts(workspace: Workspace, *, silence: Silence) -> tuple[HostRow, ...]:
    """The hosts in the worst state, with the worst finding of each in words. Five queries."""
    rows = hosts_present(workspace).annotate(
        worst=worst_of("host"), at_5=_count_at(5), at_4=_count_at(4)
    )
    failing = rows.filter(worst__gt=0).select_related("live", "agent")
    ordered = failing.order_by("-worst", "-at_5", "-at_4", "name")
    hosts = list(ordered[:WORST_SHOWN])
    reasons = _reasons(hosts)
    return tuple(
        replace(row, why=reasons[row.host.pk])
        for row in host_rows(hosts, silence=silence)
        if row.host.pk in reasons
    )


def _count_at(level: int) -> Coalesce:
    mine = Finding.unscoped.filter(host_id=OuterRef("pk"), closed_at__isnull=True, level=level)
    counted = mine.order_by().values("host_id").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _reasons(hosts: Sequence[Host]) -> dict[object, str]:
    """The worst finding of each host in words, with the container it stands on. One query."""
    mine = Finding.unscoped.filter(host__in=hosts, closed_at__isnull=True, level__gte=1)
    order = ("-level", (F("likelihood") * F("impact")).desc(), ESCAPES_FIRST.desc(), "check_id")
    # A window, not a subquery per row: measured 223 s against 0.1 s with 38,000 findings.
    rank = Window(RowNumber(), partition_by="host_id", order_by=[*order, "pk"])
    chosen = mine.annotate(rank=rank).filter(rank=1)
    reasons: dict[object, str] = {}
    for finding in chosen:
        where = "" if finding.target_kind == "host" else f" ({finding.target_name})"
        title = row_of(finding).title
        reasons[finding.host_id] = clause_of(finding.check_id, title=title) + where
    return reasons


def last_seen_of(host: Host) -> datetime | None:
    """When the host last reported; None when it never did."""
    live = getattr(host, "live", None)
    return live.last_seen if live else None


def is_revoked_now(host: Host) -> bool:
    """True when the key of its agent was taken back."""
    agent = getattr(host, "agent", None)
    return agent is not None and agent.revoked_at is not None


def is_silent_now(host: Host, silence: Silence) -> bool:
    """True for an active host that missed three beats, though its key holds."""
    seen = last_seen_of(host)
    is_late = seen is None or seen < silence.before
    return host.state == HostState.ACTIVE and is_late and not is_revoked_now(host)
