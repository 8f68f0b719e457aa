"""Which hosts a list holds: the words of its filters, as conditions."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, TextField
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from agents.models import Host, HostState
from agents.selectors.population import (
    Population,
    Silence,
    hosts_present,
    is_degraded,
    is_outdated,
    is_revoked,
    is_silent,
    versions_of,
)
from agents.selectors.program import is_older, served_version
from assessments.selectors.worst import worst_of
from workbench.core.models import ScopedQuerySet, Workspace

STATES: Final[Mapping[str, str]] = {
    "": "Any state",
    "reporting": "Reporting",
    "silent": "Silent",
    "pending": "Waiting for approval",
    "forked": "Identity used twice",
    "revoked": "Key taken back",
    "degraded": "Agent without root",
    "outdated": "Agent outdated",
    "retired": "Retired",
}


@dataclass(frozen=True, slots=True)
class HostFilters:
    """What a list of hosts was narrowed to."""

    state: str = ""
    level: int | None = None
    q: str = ""
    label: str = ""
    criticality: str = ""
    token: uuid.UUID | None = None
    sort: str = "risk"

    @property
    def narrowed(self) -> bool:
        """True when anything but the order was chosen."""
        return self != HostFilters(sort=self.sort)


def hosts_matching(
    workspace: Workspace, filters: HostFilters, *, silence: Silence
) -> ScopedQuerySet[Host]:
    """The hosts that match, unordered; retired ones only when asked for. No query, or one."""
    if filters.state == "retired":
        rows = Host.objects.of(workspace).filter(state=HostState.RETIRED)
    else:
        rows = hosts_present(workspace).filter(_in_state(workspace, filters.state, silence=silence))
    if filters.q:
        text = filters.q
        named = Q(name__icontains=text) | Q(os_name__icontains=text)
        rows = rows.filter(named | Q(kernel_release__icontains=text))
    if filters.criticality:
        rows = rows.filter(criticality=filters.criticality)
    if filters.token:
        rows = rows.filter(agent__enrolled_with=filters.token)
    if filters.label:
        rows = _labelled(rows, filters.label)
    if filters.level is not None:
        rows = rows.annotate(worst_open=worst_of("host")).filter(worst_open=filters.level)
    return rows


def states_counted(
    population: Population, versions: Mapping[str, int], *, served: str
) -> list[tuple[str, str, int | None]]:
    """The choices of state, with the number of hosts where it is known."""
    outdated = sum(count for one, count in versions.items() if is_older(one, than=served))
    counts = {
        "reporting": population.reporting,
        "silent": population.silent,
        "pending": population.pending,
        "forked": population.forked,
        "revoked": population.revoked,
        "degraded": population.degraded,
        "outdated": outdated,
    }
    return [(code, words, counts.get(code)) for code, words in STATES.items()]


def _labelled(rows: ScopedQuerySet[Host], label: str) -> ScopedQuerySet[Host]:
    """Hosts with the label ``name`` or ``name=value``; a number can be no name."""
    name, sign, value = label.partition("=")
    if not name.strip()[:1].isalpha():
        return rows.none()
    # As plain text: a lookup on the JSON value itself would read the other side as JSON.
    value_of = Cast(KeyTextTransform(name.strip(), "labels"), TextField())
    found = rows.annotate(label_value=value_of)
    if sign:
        return found.filter(label_value=value.strip())
    return found.filter(label_value__isnull=False)


def _in_state(workspace: Workspace, state: str, *, silence: Silence) -> Q:
    active = Q(state=HostState.ACTIVE) & ~is_revoked()
    if state == "outdated":
        return is_outdated(versions_of(workspace), served=served_version())
    return {
        "reporting": active & Q(live__last_seen__gte=silence.before),
        "silent": is_silent(silence),
        "degraded": is_degraded(),
        "pending": Q(state=HostState.PENDING),
        "forked": Q(state=HostState.FORKED),
        "revoked": is_revoked(),
    }.get(state, Q())
