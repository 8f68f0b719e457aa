"""Writes out one verdict: evidence, the reason of an unknown, and the adjustments."""

from collections.abc import Mapping
from dataclasses import dataclass

from assessments.engine.adjusters import Adjusters
from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.evidence import Evidence, evidence_for
from assessments.engine.expression.unknown import Cause, Surroundings, Unknown
from assessments.engine.frame import Frame, in_states
from assessments.engine.outcome import Outcome
from assessments.engine.program import Program, Rule, Verdict
from assessments.engine.targets import Target

MISSING_WITHOUT_REASON = "missing without reason"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an answer is unknown or a check not applicable, in words."""

    text: str = ""
    needs: str = ""
    is_defect: bool = False


class Explainer:
    """Explains results on one document."""

    def __init__(self, frame: Frame, adjusters: Adjusters) -> None:
        """Keep the document and the compiled adjusters of its catalogue."""
        self._frame = frame
        self._adjusters = adjusters

    def outcome(
        self,
        program: Program,
        target: Target,
        bindings: Mapping[str, object],
        *,
        verdict: Verdict | None = None,
    ) -> Outcome:
        """Return one result in full; without a `verdict` the reference finds it."""
        check = program.check
        around = self._frame.around(target, bindings)
        if verdict is None:
            facts = bindings.get(check.target.value)
            verdict = judge_states(check, facts) or program.judge(around)
        reason = self._reason(program, target, verdict=verdict, around=around)
        is_failed = verdict.status is Status.FAIL
        return Outcome(
            check=check,
            target=target,
            status=verdict.status,
            evidence=_evidence(program, verdict, around),
            reason=reason.text,
            missing=verdict.unknown.path if verdict.unknown else "",
            needs=reason.needs,
            is_defect=reason.is_defect,
            adjustments=self._adjusters.adjustments(check, target, self._frame, bindings)
            if is_failed  # only a finding has a level to adjust
            else (),
        )

    def _reason(
        self, program: Program, target: Target, *, verdict: Verdict, around: Surroundings
    ) -> Reason:
        if verdict.unknown is not None:
            return self._missing(verdict.unknown, target)
        found = program.conditions.get(verdict.rule)
        text = found.text if found else ""
        match verdict.rule:
            case Rule.STATES:
                return Reason(f"the container is {_state(around)}")
            case Rule.NOT_APPLICABLE:
                return Reason(f"not applicable because {text}")
            case Rule.UNKNOWN_WHEN:
                return Reason(f"not known while {text}")
            case Rule.PASS_ONLY_IF:
                return Reason(f"a pass counts only if {text}")
        return Reason()

    def _missing(self, unknown: Unknown, target: Target) -> Reason:
        path = unknown.path
        if unknown.cause in (Cause.TYPE, Cause.LIMIT):
            return Reason(f"{path}: {unknown.detail}", is_defect=True)
        if unknown.cause is Cause.CONVERSION:
            return Reason(f"{path}: {unknown.detail}")
        entry = self._frame.unknowns.reason_for(path, target=target)
        if entry is None:
            return Reason(f"{path}: {MISSING_WITHOUT_REASON}", is_defect=True)
        return Reason(f"{path}: {entry.reason}", entry.needs)


def judge_states(check: Check, facts: object) -> Verdict | None:
    """Say not applicable for a container whose state the check does not cover."""
    if check.target is not TargetKind.CONTAINER or in_states(facts, check.states):
        return None
    return Verdict(Status.NOT_APPLICABLE, Rule.STATES)


def _evidence(program: Program, verdict: Verdict, around: Surroundings) -> tuple[Evidence, ...]:
    found = program.conditions.get(verdict.rule)
    if found is None:
        return ()
    # Only "unknown when" is a condition that is good when it does not hold.
    return evidence_for(found.node, around, wanted=verdict.rule is not Rule.UNKNOWN_WHEN)


def _state(around: Surroundings) -> str:
    facts = around.names[TargetKind.CONTAINER].value
    return str(facts.get("state")) if isinstance(facts, dict) else ""
