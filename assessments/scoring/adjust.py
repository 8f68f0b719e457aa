"""The score of a finding: base numbers of its check, moved step by step, each step shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from assessments.engine.outcome import Adjustment, AdjustmentState
from assessments.scoring.levels import Level, clipped
from assessments.scoring.nist import risk_level


class Criticality(StrEnum):
    """How much a host matters; a person says so."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


CRITICALITY_IMPACT = {
    Criticality.LOW: -1,
    Criticality.NORMAL: 0,
    Criticality.HIGH: 1,
    Criticality.CRITICAL: 2,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One reason that moved, or could not move, the numbers.

    `state` is `not_known` when the fact behind it is missing; nothing moves then.
    """

    label: str
    because: str
    state: AdjustmentState
    likelihood_before: Level
    likelihood_after: Level
    impact_before: Level
    impact_after: Level


@dataclass(frozen=True, slots=True)
class Score:
    """Likelihood, impact and level of a finding with every step that led there."""

    likelihood: Level
    impact: Level
    level: Level
    steps: tuple[Step, ...]


def score(
    *,
    likelihood: int,
    impact: int,
    adjustments: Iterable[Adjustment] = (),
    criticality: Criticality = Criticality.NORMAL,
) -> Score:
    """Move the base numbers of a check by adjustments in order, then by the host's criticality.

    Each step is clipped to 1 to 5. Adjustments that are not applied leave no step. Raises
    ValueError for a base outside 1 to 5.
    """
    current = (Level(likelihood), Level(impact))
    moves = [("adjustment", found) for found in adjustments]
    if criticality is not Criticality.NORMAL:
        moves.append(("host criticality", _of_host(criticality)))
    steps: list[Step] = []
    for label, move in moves:
        if move.state is AdjustmentState.NOT_APPLIED:
            continue
        steps.append(_step(label, move, before=current))
        current = (steps[-1].likelihood_after, steps[-1].impact_after)
    level = risk_level(current[0], impact=current[1])
    return Score(current[0], current[1], level, tuple(steps))


def _of_host(criticality: Criticality) -> Adjustment:
    return Adjustment(
        because=f"the host's criticality is {criticality}",
        likelihood=0,
        impact=CRITICALITY_IMPACT[criticality],
        state=AdjustmentState.APPLIED,
    )


def _step(label: str, move: Adjustment, *, before: tuple[Level, Level]) -> Step:
    likelihood, impact = before
    after = before
    if move.state is AdjustmentState.APPLIED:
        after = (clipped(likelihood + move.likelihood), clipped(impact + move.impact))
    return Step(
        label=label,
        because=move.because,
        state=move.state,
        likelihood_before=likelihood,
        likelihood_after=after[0],
        impact_before=impact,
        impact_after=after[1],
    )
