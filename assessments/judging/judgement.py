"""What judging comes to: one result for each check and target, counters and posture."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assessments.engine.check import Status, TargetKind
from assessments.engine.evidence import Evidence
from assessments.engine.targets import Target
from assessments.scoring.adjust import Step
from assessments.scoring.levels import Level
from assessments.scoring.posture import Posture


@dataclass(frozen=True, slots=True)
class Result:
    """The answer of one check on one target.

    `likelihood` and `impact` are 1 to 5: those of the check, moved by `steps` for a fail.
    `level` is there for a fail only. `reason` says why an answer is unknown or the check not
    applicable, `missing` which path was missing, `needs` what would have to be granted.
    `is_defect` marks an unknown that nobody gave a reason for.
    """

    check_id: str
    status: Status
    target: Target
    likelihood: int
    impact: int
    level: Level | None = None
    steps: tuple[Step, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""
    missing: str = ""
    needs: str = ""
    is_defect: bool = False


@dataclass(frozen=True, slots=True)
class AreaCount:
    """Answers in one area and mechanism. Weights are the base impacts of the checks."""

    area: str
    layer: str
    mechanism: str
    passed: int
    failed: int
    unknown: int
    not_applicable: int
    weight_passed: int
    weight_total: int


@dataclass(frozen=True)
class Judgement:
    """Everything one evaluation of one host's facts by one catalogue says.

    `collected_at` is the time of the newest part of the facts, RFC 3339. `runtime_ids` maps
    a container key to the id its runtime gave it, where it is known. `folded` holds check and
    pair key of every unknown pair that one result on the host stands for.
    """

    results: tuple[Result, ...]
    counts: tuple[AreaCount, ...]
    posture: Posture
    posture_by_area: Mapping[str, Posture]
    facts_digest: str
    catalogue_digest: str
    collected_at: str
    runtime_ids: Mapping[str, str] = field(default_factory=dict)
    folded: frozenset[tuple[str, str]] = frozenset()

    @property
    def coverage(self) -> float | None:
        """The share from 0 to 1 of answers that are known; None when nothing was asked."""
        known = self.posture.pass_count + self.posture.fail_count
        asked = known + self.posture.unknown_count
        return known / asked if asked else None

    def of_status(self, *statuses: Status) -> tuple[Result, ...]:
        """Return the results of these statuses."""
        return tuple(result for result in self.results if result.status in statuses)

    def levels(self) -> Counter[Level]:
        """Return how many results fail at each level."""
        return Counter(result.level for result in self.results if result.level is not None)

    def as_json(self) -> dict[str, Any]:
        """Return results, posture and digests as plain data for a JSON file."""
        return {
            "results": [self._result_json(result) for result in self.results],
            "posture": {
                **_posture_json(self.posture),
                "coverage": _rounded(self.coverage),
                "areas": {
                    area: _posture_json(part) for area, part in sorted(self.posture_by_area.items())
                },
            },
            "facts_digest": self.facts_digest,
            "catalogue_digest": self.catalogue_digest,
        }

    def _result_json(self, result: Result) -> dict[str, Any]:
        name, ids = None, None
        if result.target.kind in (TargetKind.CONTAINER, TargetKind.PAIR):
            name = result.target.name
            ids = ", ".join(self.runtime_ids.get(key, key) for key in result.target.container_ids)
        return {
            "check": result.check_id,
            "status": result.status.value,
            "target": result.target.kind.value,
            "container": name,
            "container_id": ids,
            "level": result.level.word if result.level else None,
            "evidence": _evidence_json(result),
        }


def _evidence_json(result: Result) -> list[dict[str, str]]:
    rows = [
        {"path": each.path, "observed": each.observed, "expected": each.expected}
        for each in result.evidence
    ]
    if result.reason:
        rows.append({"path": result.missing, "observed": result.reason, "expected": ""})
    return rows


def _posture_json(posture: Posture) -> dict[str, Any]:
    return {
        "share": _rounded(posture.share),
        "pass": posture.pass_count,
        "fail": posture.fail_count,
        "unknown": posture.unknown_count,
        "not_applicable": posture.not_applicable_count,
    }


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
