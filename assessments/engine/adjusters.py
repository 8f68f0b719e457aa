"""The conditions that move likelihood and impact, compiled once for a whole catalogue."""

from collections.abc import Iterable, Mapping
from typing import Self

from assessments.engine.check import Check, TargetKind
from assessments.engine.expression.condition import CompiledCondition
from assessments.engine.expression.reference import condition
from assessments.engine.expression.typetree import TypeTree
from assessments.engine.expression.unknown import Unknown
from assessments.engine.frame import Frame
from assessments.engine.outcome import Adjustment, AdjustmentState
from assessments.engine.program import read_condition
from assessments.engine.targets import Target

_STATES = {True: AdjustmentState.APPLIED, False: AdjustmentState.NOT_APPLIED}


class Adjusters:
    """Compiled adjusters. The same few conditions adjust most checks: each is compiled once."""

    def __init__(self, found: Mapping[tuple[TargetKind, str], CompiledCondition]) -> None:
        """Keep the conditions by kind of target and text."""
        self._found = dict(found)

    @classmethod
    def build(cls, checks: Iterable[Check], types: TypeTree) -> Self:
        """Compile the adjusters of `checks`. Raises ExpressionError that names the check."""
        found: dict[tuple[TargetKind, str], CompiledCondition] = {}
        for check in checks:
            for position, adjuster in enumerate(check.adjusters):
                key = (check.target, adjuster.when)
                if key not in found:
                    part = f"raise[{position}]"
                    read = read_condition(check, adjuster.when, part, types=types)
                    found[key] = CompiledCondition(read)
        return cls(found)

    def adjustments(
        self, check: Check, target: Target, frame: Frame, bindings: Mapping[str, object]
    ) -> tuple[Adjustment, ...]:
        """Return the steps of one result in order, each with whether its fact was found."""
        return tuple(
            Adjustment(
                adjuster.because,
                adjuster.likelihood,
                adjuster.impact,
                _state(self._found[check.target, adjuster.when], target, frame, bindings),
            )
            for adjuster in check.adjusters
        )


def _state(
    adjuster: CompiledCondition, target: Target, frame: Frame, bindings: Mapping[str, object]
) -> AdjustmentState:
    read = adjuster.condition
    if frame.unknowns.cuts(read.facts):
        answer = condition(read.node, frame.around(target, bindings))
    else:
        answer = adjuster.answer(bindings)
    return AdjustmentState.NOT_KNOWN if isinstance(answer, Unknown) else _STATES[answer]
