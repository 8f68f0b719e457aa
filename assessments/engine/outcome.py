"""One result in full: the answer on one target with evidence, reason and adjustments."""

from dataclasses import dataclass
from enum import StrEnum

from assessments.engine.check import Check, Status
from assessments.engine.evidence import Evidence
from assessments.engine.targets import Target


class AdjustmentState(StrEnum):
    """Whether a fact that moves likelihood or impact was found."""

    APPLIED = "applied"
    NOT_APPLIED = "not_applied"
    NOT_KNOWN = "not_known"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One step of likelihood and impact, with the sentence that says why."""

    because: str
    likelihood: int
    impact: int
    state: AdjustmentState


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer of one check on one target.

    `reason` says why the answer is unknown or the check not applicable, else it is empty.
    `missing` is the path that was missing, `needs` what would have to be granted to know it.
    `is_defect` marks an unknown that nobody gave a reason for: an error of the check or agent.
    """

    check: Check
    target: Target
    status: Status
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    missing: str = ""
    needs: str = ""
    is_defect: bool = False
    adjustments: tuple[Adjustment, ...] = ()
