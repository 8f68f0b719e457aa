"""One host: what the kernel told, what fails, and what could not be assessed, with the reason."""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final, NamedTuple

from agents.models import Host
from agents.selectors.population import silence_of
from agents.selectors.printed import printed_facts
from agents.selectors.program import served_version
from assessments.catalogue.loader import load_catalogue
from assessments.figures.names import level_word
from assessments.models import Finding
from assessments.selectors.containers import ContainerRow, containers_on
from assessments.selectors.counts import Tally, counts_by
from assessments.selectors.host_condition import HostCondition, condition_of
from assessments.selectors.host_facts import HostSummary, summary_of
from assessments.selectors.hosts import HostRow, host_rows
from assessments.selectors.resources import Resources, resources_of
from assessments.selectors.strata import Layer, strata_of
from workbench.core.models import Workspace

EXAMPLES: Final = 4
SHOWN_OPEN: Final = 25


class Brief(NamedTuple):
    """The columns of a finding that a host's page needs: there may be thousands of rows."""

    pk: uuid.UUID
    check_id: str
    level: int
    target_name: str
    first_seen: datetime
    reason: str


@dataclass(slots=True)
class Broken:
    """One rule that is not met on a host, on one target or more."""

    check_id: str
    title: str
    level: int
    pk: uuid.UUID
    first_seen: datetime
    targets: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """The target when there is one, else their number."""
        if len(self.targets) == 1:
            return self.targets[0]
        return f"{len(self.targets)} targets"


@dataclass(frozen=True, slots=True)
class Group:
    """The rules of one level that are not met; the worst groups are shown open."""

    level: int
    rules: tuple[Broken, ...]
    is_open: bool

    @property
    def word(self) -> str:
        """The level in words."""
        return level_word(self.level)


@dataclass(slots=True)
class Reason:
    """Why checks could not be decided, which those are, and how often."""

    words: str
    checks: dict[str, str] = field(default_factory=dict)
    count: int = 0

    @property
    def examples(self) -> list[str]:
        """Some of the rules behind the reason."""
        return list(self.checks.values())[:EXAMPLES]

    @property
    def more(self) -> int:
        """How many rules the examples leave out."""
        return max(0, len(self.checks) - EXAMPLES)


@dataclass(frozen=True, slots=True)
class HostPage:
    """Everything on a host's page."""

    row: HostRow
    summary: HostSummary
    condition: HostCondition
    posture: Tally
    strata: tuple[Layer, ...]
    broken: tuple[Broken, ...]
    reasons: tuple[Reason, ...]
    containers: tuple[ContainerRow, ...]
    resources: Resources

    @property
    def host(self) -> Host:
        """The host itself."""
        return self.row.host

    @property
    def groups(self) -> tuple[Group, ...]:
        """Rules by level, worst first; open until about 25 rules are shown."""
        groups, shown = [], 0
        for level, rules in groupby(self.broken, key=lambda rule: rule.level):
            group = Group(level, tuple(rules), is_open=not shown or shown < SHOWN_OPEN)
            shown += len(group.rules)
            groups.append(group)
        return tuple(groups)

    @property
    def query(self) -> str:
        """What narrows a link to this host's findings."""
        return f"&host={self.row.host.pk}"


def host_page(workspace: Workspace, pk: uuid.UUID, *, now: datetime) -> HostPage | None:
    """One host of the workspace, or None. 17 queries, and one per 500 bodies of facts."""
    rows = Host.objects.of(workspace).select_related("live", "workspace", "agent__claims")
    host = rows.filter(pk=pk).first()
    if host is None:
        return None
    facts = printed_facts(host)
    broken, reasons = _findings(host)
    silence = silence_of(workspace, now=now)
    row = host_rows([host], silence=silence, served=served_version())[0]
    summary = summary_of(facts) if facts else HostSummary()
    return HostPage(
        row=row,
        summary=summary,
        condition=condition_of(row, summary, silence=silence),
        posture=counts_by(workspace, now=now, hosts=[host]).total,
        strata=strata_of(workspace, now=now, host=host),
        broken=broken,
        reasons=reasons,
        containers=containers_on(host),
        resources=resources_of(host, "", now=now),
    )


def _findings(host: Host) -> tuple[tuple[Broken, ...], tuple[Reason, ...]]:
    """Open findings of the host: failing ones by rule, unknown ones by reason. One query."""
    rows = Finding.objects.of(host.workspace).filter(host=host, closed_at__isnull=True)
    ordered = rows.order_by("-level", "check_id", "target_name", "pk")
    brief = [Brief(*values) for values in ordered.values_list(*Brief._fields)]
    failing = [row for row in brief if row.level]
    return _broken(failing), reasons_of(row for row in brief if not row.level)


def _broken(rows: Iterable[Brief | Finding]) -> tuple[Broken, ...]:
    found: dict[str, Broken] = {}
    for row in rows:
        rule = found.get(row.check_id)
        if rule is None:
            title = _title(row.check_id)
            rule = Broken(row.check_id, title, row.level, row.pk, row.first_seen)
            found[row.check_id] = rule
        rule.targets.append(row.target_name)
        rule.first_seen = min(rule.first_seen, row.first_seen)
    return tuple(found.values())


def reasons_of(rows: Iterable[Brief | Finding]) -> tuple[Reason, ...]:
    """Undecided findings grouped by why they could not be decided, the widest reason first."""
    found: defaultdict[str, Reason] = defaultdict(lambda: Reason(""))
    for row in rows:
        words = _cause(row.reason)
        reason = found[words]
        reason.words = words
        reason.checks.setdefault(row.check_id, _title(row.check_id))
        reason.count += 1
    return tuple(sorted(found.values(), key=lambda each: (-len(each.checks), each.words)))


def _cause(reason: str) -> str:
    """A stored reason without the path of the fact it begins with: many facts share one cause."""
    path, _, cause = reason.removeprefix("needs ").partition(": ")
    words = cause if cause and " " not in path else reason
    return words or "no reason was given"


def _title(check_id: str) -> str:
    check = load_catalogue().checks.get(check_id)
    return check.title if check else check_id
