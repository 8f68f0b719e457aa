"""One container: what keeps it apart from the host and its neighbours, and what does not."""

import uuid
from dataclasses import dataclass

from django.db.models import Q

from agents.models import Container
from agents.selectors.printed import printed_facts
from assessments.models import Finding
from assessments.selectors.container_facts import ContainerFacts, facts_of_container
from assessments.selectors.findings import FindingRow, row_of
from assessments.selectors.host_page import Reason, reasons_of
from assessments.selectors.hosts import levels_by
from workbench.core.models import Workspace


@dataclass(frozen=True, slots=True)
class ContainerPage:
    """Everything on a container's page; ``facts`` is None when the host does not report it now."""

    container: Container
    levels: tuple[int, ...]
    facts: ContainerFacts | None
    failing: tuple[FindingRow, ...]
    reasons: tuple[Reason, ...]

    @property
    def level(self) -> int:
        """The worst open level, 0 when nothing fails."""
        return max((level for level in range(1, 6) if self.levels[level]), default=0)

    @property
    def has_pairs(self) -> bool:
        """True when some of what fails stands between this container and another."""
        return any(row.finding.target_kind == "pair" for row in self.failing)


def container_page(workspace: Workspace, pk: uuid.UUID) -> ContainerPage | None:
    """One container of the workspace, or None. Eight queries, and one per 500 bodies of facts."""
    found = Container.objects.of(workspace).select_related("host__workspace", "host__live")
    container = found.filter(pk=pk).first()
    if container is None:
        return None
    findings = _findings(container)
    return ContainerPage(
        container=container,
        levels=levels_by("container_id", [container.pk]).get(container.pk, (0,) * 6),
        facts=_facts(container),
        failing=tuple(row_of(finding) for finding in findings if finding.level),
        reasons=reasons_of(finding for finding in findings if not finding.level),
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
