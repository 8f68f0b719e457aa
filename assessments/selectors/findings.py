"""Lists of findings: filtered, sorted and paged in the database."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q
from django.db.models.expressions import Combinable

from agents.models import Host
from assessments.catalogue.loader import load_catalogue
from assessments.engine.check import Check
from assessments.figures.names import LEVELS_WORST_FIRST
from assessments.models import Finding
from assessments.selectors.present import findings_present
from workbench.core.models import ScopedQuerySet, Workspace

PAGE_ROWS: Final = 50


class Shown(StrEnum):
    """Which findings a list holds."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class FindingFilters:
    """What a list of findings was narrowed to; empty means everything."""

    status: Shown = Shown.FAIL
    level: int | None = None
    likelihood: int | None = None
    impact: int | None = None
    area: str = ""
    layer: str = ""
    mechanism: str = ""
    check: str = ""
    host: uuid.UUID | None = None
    container: uuid.UUID | None = None
    q: str = ""
    sort: str = "risk"

    @property
    def narrowed(self) -> bool:
        """True when anything but status and order was chosen."""
        return self != FindingFilters(status=self.status, sort=self.sort)


SORTS: Final[Mapping[str, tuple[str | Combinable, ...]]] = {
    "risk": ("-level", (F("likelihood") * F("impact")).desc(), "first_seen", "check_id", "pk"),
    "since": ("-first_seen", "pk"),
    "host": ("host__name", "-level", "pk"),
    "target": ("target_name", "-level", "pk"),
    "check": ("check_id", "-level", "pk"),
}


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding with the check behind it; ``check`` is None when the catalogue lost it."""

    finding: Finding
    check: Check | None

    @property
    def title(self) -> str:
        """The rule that is not met or not verified."""
        return self.check.title if self.check else self.finding.check_id


@dataclass(frozen=True, slots=True)
class FindingList:
    """One page of findings, and how many there are of each status and level."""

    rows: tuple[FindingRow, ...]
    page: Page[Finding]
    levels: tuple[tuple[int, int], ...]
    fails: int
    unknowns: int
    host: Host | None


def findings_list(workspace: Workspace, filters: FindingFilters, *, page: int) -> FindingList:
    """The findings that match. Four queries at most."""
    one_place = filters.host or filters.container
    rows = Finding.objects.of(workspace) if one_place else findings_present(workspace)
    everything = narrowed(rows, filters)
    open_ones = everything.filter(closed_at__isnull=True)
    tallies = dict(_tallies(open_ones))
    shown = with_level(of_status(everything, filters.status), filters)
    ordered = shown.select_related("host", "container").order_by(*SORTS[filters.sort])
    found = Paginator(ordered, PAGE_ROWS).get_page(page)
    host = Host.objects.of(workspace).filter(pk=filters.host).first() if filters.host else None
    return FindingList(
        rows=tuple(row_of(finding) for finding in found),
        page=found,
        levels=tuple((level, tallies.get(level, 0)) for level in LEVELS_WORST_FIRST),
        fails=sum(count for level, count in tallies.items() if level),
        unknowns=tallies.get(0, 0),
        host=host,
    )


def row_of(finding: Finding) -> FindingRow:
    """The finding with its check."""
    return FindingRow(finding, load_catalogue().checks.get(finding.check_id))


def of_status(rows: ScopedQuerySet[Finding], status: Shown) -> ScopedQuerySet[Finding]:
    """Open findings of a status, or those that facts have closed."""
    if status is Shown.CLOSED:
        return rows.filter(closed_at__isnull=False)
    return rows.filter(closed_at__isnull=True, status=str(status))


def with_level(rows: ScopedQuerySet[Finding], filters: FindingFilters) -> ScopedQuerySet[Finding]:
    """Narrowed to a level, a likelihood and an impact."""
    wanted = {"level": filters.level, "likelihood": filters.likelihood, "impact": filters.impact}
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def narrowed(rows: ScopedQuerySet[Finding], filters: FindingFilters) -> ScopedQuerySet[Finding]:
    """Narrowed by everything but status and level."""
    wanted = {
        "area": filters.area,
        "layer": filters.layer,
        "mechanism": filters.mechanism,
        "check_id": filters.check,
        "host_id": filters.host,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    if filters.container:
        rows = rows.filter(container_id=filters.container)
    return rows.filter(_matching(filters.q)) if filters.q else rows


def _matching(text: str) -> Q:
    """Findings whose target, host, check id or rule holds the text."""
    wanted = text.lower()
    checks = load_catalogue().checks.values()
    ids = [check.id for check in checks if wanted in check.title.lower()]
    places = Q(target_name__icontains=text) | Q(host__name__icontains=text)
    return places | Q(check_id__icontains=text) | Q(check_id__in=ids)


def _tallies(rows: ScopedQuerySet[Finding]) -> list[tuple[int, int]]:
    counted = rows.values("level").annotate(count=Count("pk")).order_by("-level")
    return [(row["level"], row["count"]) for row in counted]
