"""The four layers of the machine, one room per mechanism, with what is open in each."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max, Q

from agents.models import Host
from assessments.catalogue.loader import load_catalogue
from assessments.figures.names import (
    LAYERS,
    MECHANISMS,
    in_known_order,
    layer_name,
    level_word,
    mechanism_name,
)
from assessments.models import Finding
from assessments.selectors.counts import Tally, counts_by
from assessments.selectors.present import open_findings
from workbench.core.models import Workspace


@dataclass(frozen=True, slots=True)
class Room:
    """One mechanism in one layer: its worst open finding, and what else was found."""

    code: str
    name: str
    level: int
    findings: int
    passed: int
    unknown: int
    not_applicable: int

    @property
    def state(self) -> str:
        """``open``, ``unknown``, ``pass`` or ``none`` (nothing was assessed)."""
        if self.level:
            return "open"
        if self.unknown:
            return "unknown"
        return "pass" if self.passed else "none"

    @property
    def words(self) -> str:
        """The line below the name. Unknown is never shown as a pass."""
        return {
            "open": f"{level_word(self.level)} · {self.findings}",
            "unknown": f"{self.unknown} unknown",
            "pass": "All pass",
            "none": "Does not apply" if self.not_applicable else "Not assessed",
        }[self.state]


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer with its rooms, in the order in which they are drawn."""

    code: str
    name: str
    caption: str
    rooms: tuple[Room, ...]


def strata_of(
    workspace: Workspace, *, now: datetime, host: Host | None = None
) -> tuple[Layer, ...]:
    """The strata of a workspace, or of one host. Two queries."""
    worst = _worst(workspace, host)
    hosts = None if host is None else [host]
    counts = counts_by(workspace, "layer", "mechanism", now=now, hosts=hosts).by_key
    places: defaultdict[str, set[str]] = defaultdict(set)
    for layer, mechanism in [*_of_catalogue(), *worst, *counts]:
        places[layer].add(mechanism)
    return tuple(
        Layer(
            code=layer,
            name=layer_name(layer),
            caption=LAYERS[layer][1] if layer in LAYERS else "",
            rooms=tuple(
                _room(mechanism, worst.get((layer, mechanism)), counts.get((layer, mechanism)))
                for mechanism in in_known_order(places[layer], MECHANISMS)
            ),
        )
        for layer in in_known_order(places, LAYERS)
    )


def _of_catalogue() -> set[tuple[str, str]]:
    return {(check.layer, check.mechanism) for check in load_catalogue().checks.values()}


def _worst(workspace: Workspace, host: Host | None) -> dict[tuple[str, str], tuple[int, int]]:
    """Worst level and number of open failing findings per layer and mechanism."""
    rows = open_findings(workspace)
    if host is not None:
        rows = Finding.objects.of(workspace).filter(host=host, closed_at__isnull=True)
    grouped = rows.values("layer", "mechanism").annotate(
        worst=Max("level"), fails=Count("pk", filter=Q(status=Finding.Status.FAIL))
    )
    return {(row["layer"], row["mechanism"]): (row["worst"], row["fails"]) for row in grouped}


def _room(mechanism: str, worst: tuple[int, int] | None, tally: Tally | None) -> Room:
    level, findings = worst or (0, 0)
    return Room(
        code=mechanism,
        name=mechanism_name(mechanism),
        level=level,
        findings=findings,
        passed=tally.passed if tally else 0,
        unknown=tally.unknown if tally else 0,
        not_applicable=tally.not_applicable if tally else 0,
    )
