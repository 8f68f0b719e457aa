"""What is worst now, in one sentence, and the numbers behind it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Max

from agents.models import Container, Host, HostState
from agents.selectors.population import (
    Population,
    Silence,
    hosts_present,
    is_degraded,
    is_silent,
    population_of,
    silence_of,
)
from assessments.catalogue.loader import load_catalogue
from assessments.figures.names import AREAS, LEVELS_WORST_FIRST, area_name, in_known_order
from assessments.selectors.counts import Tally, counts_by, stale_before
from assessments.selectors.hosts import ESCAPES_FIRST, HostRow, worst_hosts
from assessments.selectors.matrix import Matrix, matrix_of
from assessments.selectors.present import open_findings
from assessments.selectors.sentences import count_words, worst_sentence
from assessments.selectors.strata import Layer, strata_of
from workbench.core.models import Workspace

LISTED: Final = 6


@dataclass(frozen=True, slots=True)
class AreaBar:
    """One area's posture."""

    code: str
    name: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class WorstCheck:
    """A rule that is not met anywhere, and how far that reaches."""

    check_id: str
    level: int
    hosts: int
    targets: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything on the first page."""

    headline: str
    worst: WorstCheck | None
    population: Population
    is_stale: bool
    containers: int
    levels: tuple[tuple[int, int], ...]
    unknowns: int
    posture: Tally
    areas: tuple[AreaBar, ...]
    strata: tuple[Layer, ...]
    matrix: Matrix
    worst_hosts: tuple[HostRow, ...]
    silent: tuple[Host, ...]
    degraded: tuple[Host, ...]

    @property
    def fails(self) -> int:
        """Open findings of any level."""
        return sum(count for _, count in self.levels)

    @property
    def very_high(self) -> int:
        """Open findings of very high risk."""
        return dict(self.levels)[5]

    @property
    def high(self) -> int:
        """Open findings of high risk."""
        return dict(self.levels)[4]


def overview_of(workspace: Workspace, *, now: datetime) -> Overview:
    """The state of a workspace. 16 queries, whatever its size."""
    silence = silence_of(workspace, now=now)
    population = population_of(workspace, silence)
    levels = _levels(workspace)
    worst = _worst_check(workspace)
    areas = counts_by(workspace, "area", now=now)
    alive = Container.objects.of(workspace).filter(gone_at__isnull=True)
    return Overview(
        headline=_headline(population, worst, unknowns=levels.get(0, 0)),
        worst=worst,
        population=population,
        is_stale=population.oldest is not None and population.oldest < stale_before(now),
        containers=alive.exclude(host__state=HostState.RETIRED).count(),
        levels=tuple((level, levels.get(level, 0)) for level in LEVELS_WORST_FIRST),
        unknowns=levels.get(0, 0),
        posture=areas.total,
        areas=tuple(
            AreaBar(code, area_name(code), areas.by_key[(code,)])
            for code in in_known_order((key[0] for key in areas.by_key), AREAS)
        ),
        strata=strata_of(workspace, now=now),
        matrix=matrix_of(workspace),
        worst_hosts=worst_hosts(workspace, silence=silence),
        silent=_some_silent(workspace, silence),
        degraded=_some_degraded(workspace),
    )


def _levels(workspace: Workspace) -> dict[int, int]:
    rows = open_findings(workspace)
    return dict(rows.values_list("level").annotate(Count("pk")).order_by())


def _worst_check(workspace: Workspace) -> WorstCheck | None:
    """The rule whose failure is worst, and among equals the one that most hosts break."""
    rows = open_findings(workspace).filter(level__gte=1)
    row = (
        rows.values("check_id")
        .annotate(worst=Max("level"), product=Max("likelihood") + Max("impact"))
        .annotate(hosts=Count("host", distinct=True), targets=Count("pk"), order=Max(ESCAPES_FIRST))
        .order_by("-worst", "-product", "-order", "-hosts", "-targets", "check_id")
        .first()
    )
    if row is None:
        return None
    return WorstCheck(row["check_id"], row["worst"], row["hosts"], row["targets"])


def _headline(population: Population, worst: WorstCheck | None, *, unknowns: int) -> str:
    if not population.enrolled:
        return "Add a host to see what is below your containers"
    if population.without_facts == population.enrolled:
        return f"Waiting for the first facts of {count_words(population.enrolled, 'host')}"
    if worst is not None:
        check = load_catalogue().checks.get(worst.check_id)
        title = check.title if check else worst.check_id
        return worst_sentence(worst.check_id, title=title, level=worst.level, hosts=worst.hosts)
    if unknowns:
        return f"Nothing is known to fail, and {count_words(unknowns, 'answer')} could not be given"
    return "Nothing fails on the facts that were reported"


def _some_silent(workspace: Workspace, silence: Silence) -> tuple[Host, ...]:
    rows = hosts_present(workspace).filter(is_silent(silence)).select_related("live")
    return tuple(rows.order_by("live__last_seen", "pk")[:LISTED])


def _some_degraded(workspace: Workspace) -> tuple[Host, ...]:
    return tuple(hosts_present(workspace).filter(is_degraded()).order_by("name", "pk")[:LISTED])
