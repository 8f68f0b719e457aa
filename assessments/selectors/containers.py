"""Lists of containers with what is open on each."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import F, Max, Q
from django.db.models.expressions import Combinable

from agents.facts.containers import STOPPED_STATES
from agents.models import Container, Host, HostState
from assessments.models import Judgement
from assessments.selectors.hosts import levels_by
from assessments.selectors.worst import worst_of
from workbench.core.models import Workspace

PAGE_ROWS: Final = 50
ON_HOST_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class ContainerFilters:
    """What a list of containers was narrowed to."""

    host: uuid.UUID | None = None
    level: int | None = None
    q: str = ""
    sort: str = "risk"


@dataclass(frozen=True, slots=True)
class ContainerRow:
    """One container with its open findings per level; index 0 holds the unknowns."""

    container: Container
    levels: tuple[int, ...]
    is_judged: bool

    @property
    def level(self) -> int:
        """The worst open level, 0 when nothing fails."""
        return max((level for level in range(1, 6) if self.levels[level]), default=0)

    @property
    def is_stopped(self) -> bool:
        """True for a container that does not run: checks look at running ones only."""
        return self.container.state in STOPPED_STATES

    @property
    def fails(self) -> int:
        """Open findings of any level."""
        return sum(self.levels[1:])

    @property
    def unknowns(self) -> int:
        """Checks that could not be decided."""
        return self.levels[0]


SORTS: Final[Mapping[str, tuple[str | Combinable, ...]]] = {
    "risk": (F("worst").desc(), "name", "pk"),
    "name": ("name", "pk"),
    "host": ("host__name", F("worst").desc(), "pk"),
    "image": ("image_reference", "name", "pk"),
    "since": (F("first_seen").desc(), "pk"),
}


def containers_list(
    workspace: Workspace, filters: ContainerFilters, *, page: int
) -> tuple[tuple[ContainerRow, ...], Page[Any], Host | None]:
    """One page of the containers that are there now. Five queries at most."""
    rows = Container.objects.of(workspace).filter(gone_at__isnull=True)
    rows = rows.annotate(worst=worst_of("container"))
    if filters.host:
        rows = rows.filter(host_id=filters.host)
    else:
        rows = rows.exclude(host__state=HostState.RETIRED)
    if filters.level is not None:
        rows = rows.filter(worst=filters.level)
    if filters.q:
        text = filters.q
        named = Q(name__icontains=text) | Q(key__icontains=text)
        rows = rows.filter(
            named | Q(image_reference__icontains=text) | Q(host__name__icontains=text)
        )
    ordered = rows.select_related("host").order_by(*SORTS[filters.sort])
    found = Paginator(ordered, PAGE_ROWS).get_page(page)
    host = Host.objects.of(workspace).filter(pk=filters.host).first() if filters.host else None
    return container_rows(list(found)), found, host


def containers_on(host: Host) -> tuple[ContainerRow, ...]:
    """The containers of one host, worst first, at most 200. Three queries."""
    rows = Container.objects.of(host.workspace).filter(host=host, gone_at__isnull=True)
    ordered = rows.annotate(worst=worst_of("container")).order_by("-worst", "name", "pk")
    return container_rows(list(ordered[:ON_HOST_SHOWN]))


def container_rows(containers: Sequence[Container]) -> tuple[ContainerRow, ...]:
    """The containers with their counts, and whether their host was judged since. Two queries."""
    levels = levels_by("container_id", [container.pk for container in containers])
    judged = Judgement.objects.filter(host__in={container.host_id for container in containers})
    newest = dict(judged.values_list("host_id").annotate(Max("judged_at")))
    return tuple(
        ContainerRow(
            container=one,
            levels=levels.get(one.pk, (0,) * 6),
            is_judged=one.host_id in newest and newest[one.host_id] >= one.first_seen,
        )
        for one in containers
    )
