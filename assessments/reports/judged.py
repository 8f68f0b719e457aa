"""From judgements to the report: the same input whether facts came from a host or the database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from assessments.catalogue.loader import Catalogue
from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.outcome import AdjustmentState
from assessments.judging import Judgement, Result
from assessments.reports.build import build_dataset
from assessments.reports.dataset import ReportDataset
from assessments.reports.inputs import (
    CheckTally,
    ControlInput,
    EvidenceInput,
    FindingInput,
    HostInput,
    NotAssessedInput,
    ReferenceInput,
    RemediationInput,
    StepInput,
)
from assessments.scoring.adjust import Step


@dataclass(frozen=True)
class JudgedHost:
    """One host in scope with its judgement. ``first_seen`` is by check id and target key."""

    key: str
    name: str
    document: Mapping[str, Any]
    judgement: Judgement
    collected_at: datetime
    last_seen: datetime | None = None
    first_seen: Mapping[tuple[str, str], datetime] = field(default_factory=dict)


def dataset_of(
    control: ControlInput, hosts: Sequence[JudgedHost], *, catalogue: Catalogue
) -> ReportDataset:
    """The dataset of a report over ``hosts``."""
    return build_dataset(
        control,
        hosts=[host_input(host) for host in hosts],
        findings=[
            finding_input(host, result, catalogue=catalogue)
            for host in hosts
            for result in host.judgement.of_status(Status.FAIL)
        ],
        tallies=tallies(hosts, catalogue=catalogue),
        not_assessed=[
            not_assessed(host, result)
            for host in hosts
            for result in host.judgement.of_status(Status.UNKNOWN)
        ],
    )


def host_input(host: JudgedHost) -> HostInput:
    """The row of one host."""
    system = _object(_object(host.document.get("host")).get("os"))
    return HostInput(
        key=host.key,
        name=host.name,
        operating_system=f"{_word(system.get('id'))} {_word(system.get('version'))}".strip(),
        kernel=_word(_object(host.document.get("kernel")).get("release")),
        containers=len(host.document.get("containers", ())),
        agent_privilege=_word(_object(host.document.get("agent")).get("level")),
        last_seen=host.last_seen,
        oldest_fact_at=host.collected_at,
        unknown_count=len(host.judgement.of_status(Status.UNKNOWN)),
    )


def finding_input(host: JudgedHost, result: Result, *, catalogue: Catalogue) -> FindingInput:
    """One failing check on one target."""
    check = catalogue.checks[result.check_id]
    keys = result.target.container_ids
    return FindingInput(
        check_id=check.id,
        title=check.title,
        level=int(result.level or 1),
        likelihood=int(result.likelihood),
        impact=int(result.impact),
        host=host.key,
        target_kind=result.target.kind.value,
        target_name=target_name(host, result),
        area=check.area,
        layer=check.layer,
        mechanism=check.mechanism,
        why=check.why,
        container_id=", ".join(host.judgement.runtime_ids.get(key, key) for key in keys),
        base_likelihood=check.likelihood,
        base_impact=check.impact,
        steps=tuple(step for move in result.steps for step in step_inputs(move)),
        evidence=tuple(
            EvidenceInput(path=item.path, observed=item.observed, expected=item.expected)
            for item in result.evidence
        ),
        remediation=tuple(
            RemediationInput(runtime=runtime, text=text)
            for runtime, text in check.remediation.items()
        ),
        references=tuple(
            ReferenceInput(source=source, items=tuple(items))
            for source, items in check.references.items()
        ),
        first_seen=host.first_seen.get((check.id, f"{result.target.kind}:{result.target.key}")),
    )


def target_name(host: JudgedHost, result: Result) -> str:
    """The target in words; the host has the name it enrolled with."""
    return host.name if result.target.kind is TargetKind.HOST else result.target.name


def step_inputs(step: Step) -> Iterable[StepInput]:
    """What one step moved; one that moved nothing says why (already at the end, or not known)."""
    moves = {
        quantity: int(getattr(step, f"{quantity}_after")) - int(getattr(step, f"{quantity}_before"))
        for quantity in ("likelihood", "impact")
    }
    if any(moves.values()):
        for quantity, change in moves.items():
            if change:
                yield StepInput(quantity=quantity, change=change, because=step.because)
        return
    known = step.state is not AdjustmentState.NOT_KNOWN
    reason = "already at the end of the scale" if known else "not known"
    yield StepInput(quantity="likelihood", change=0, because=f"{step.because} ({reason})")


def not_assessed(host: JudgedHost, result: Result) -> NotAssessedInput:
    """One question that the facts could not answer."""
    return NotAssessedInput(
        check_id=result.check_id,
        target=target_name(host, result),
        reason=result.reason,
        needs=result.needs,
    )


def tallies(hosts: Sequence[JudgedHost], *, catalogue: Catalogue) -> list[CheckTally]:
    """How each check went over all hosts and targets."""
    counts: dict[str, dict[Status, int]] = {}
    for host in hosts:
        for result in host.judgement.results:
            of_check = counts.setdefault(result.check_id, dict.fromkeys(Status, 0))
            of_check[result.status] += 1
    oldest = min((host.collected_at for host in hosts), default=None)
    topic_of = {check: topic for topic, ids in catalogue.topics.items() for check in ids}
    return [
        _tally(catalogue.checks[check_id], counts[check_id], topic_of.get(check_id, ""), oldest)
        for check_id in sorted(counts)
    ]


def _tally(
    check: Check, counts: Mapping[Status, int], topic: str, oldest: datetime | None
) -> CheckTally:
    return CheckTally(
        check_id=check.id,
        title=check.title,
        area=check.area,
        layer=check.layer,
        mechanism=check.mechanism,
        weight=check.impact,
        topic=topic,
        passed=counts[Status.PASS],
        failed=counts[Status.FAIL],
        unknown=counts[Status.UNKNOWN],
        not_applicable=counts[Status.NOT_APPLICABLE],
        oldest_fact_at=oldest,
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
