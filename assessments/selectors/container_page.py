"""One container: what keeps it apart from the host and its neighbours, and what does not."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from django.db.models import Q

from agents.models import Container
from agents.selectors.printed import printed_facts
from assessments.figures.names import level_word
from assessments.models import Finding
from assessments.selectors.container_facts import ContainerFacts, facts_of_container
from assessments.selectors.containers import ContainerRow, container_rows
from assessments.selectors.findings import FindingRow, row_of
from assessments.selectors.host_page import SHOWN_OPEN, Reason, reasons_of
from assessments.selectors.resources import Resources, resources_of
from workbench.core.models import Workspace


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The findings of one level; the worst groups are shown open."""

    level: int
    rows: tuple[FindingRow, ...]
    is_open: bool

    @property
    def word(self) -> str:
        """The level in words."""
        return level_word(self.level)


@dataclass(frozen=True, slots=True)
class ContainerPage:
    """Everything on a container's page; ``facts`` is None when the host does not report it now."""

    row: ContainerRow
    facts: ContainerFacts | None
    failing: tuple[FindingRow, ...]
    reasons: tuple[Reason, ...]
    resources: Resources

    @property
    def container(self) -> Container:
        """The container itself."""
        return self.row.container

    @property
    def is_assessed(self) -> bool:
        """True when checks looked at it: it is there, it runs, and its host was judged since."""
        is_there = self.container.gone_at is None and not self.row.is_stopped
        return is_there and self.row.is_judged

    @property
    def groups(self) -> tuple[RowGroup, ...]:
        """What fails, by level, worst first; open until about 25 rules are shown."""
        groups, shown = [], 0
        for level, rows in groupby(self.failing, key=lambda row: row.finding.level):
            group = RowGroup(level, tuple(rows), is_open=not shown or shown < SHOWN_OPEN)
            shown += len(group.rows)
            groups.append(group)
        return tuple(groups)

    @property
    def has_pairs(self) -> bool:
        """True when some of what fails stands between this container and another."""
        return any(row.finding.target_kind == "pair" for row in self.failing)


def container_page(workspace: Workspace, pk: uuid.UUID, *, now: datetime) -> ContainerPage | None:
    """One container of the workspace, or None. Ten queries, and one per 500 bodies of facts."""
    found = Container.objects.of(workspace).select_related("host__workspace", "host__live")
    container = found.filter(pk=pk).first()
    if container is None:
        return None
    findings = _findings(container)
    return ContainerPage(
        row=container_rows([container])[0],
        facts=_facts(container),
        failing=tuple(row_of(finding) for finding in findings if finding.level),
        reasons=reasons_of(finding for finding in findings if not finding.level),
        resources=resources_of(container.host, container.key, now=now),
    )


def _findings(container: Container) -> list[Finding]:
    """Open findings of the container itself and of the pairs it is one half of. One query."""
    pair = Q(target_key__startswith=f"pair:{container.key}+") | Q(
        target_key__endswith=f"+{container.key}"
    )
    mine = Q(container=container) | Q(host=container.host_id, target_kind="pair") & pair
    open_ones = Finding.objects.of(container.workspace).filter(mine, closed_at__isnull=True)
    return list(open_ones.order_by("-level", "check_id", "target_name", "pk"))


def _facts(container: Container) -> ContainerFacts | None:
    if container.gone_at is not None:
        return None
    told = printed_facts(container.host)
    mine = [one for one in told.containers if one["key"] == container.key] if told else []
    if told is None or not mine:
        return None
    alive = Container.objects.of(container.workspace).filter(
        host_id=container.host_id, gone_at__isnull=True
    )
    neighbours = {one.key: one for one in alive.only("pk", "key", "name")}
    return facts_of_container(mine[0], told.containers, neighbours=neighbours)
