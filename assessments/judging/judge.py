"""Judges a fact document by a catalogue: engine, scoring and counters in one call."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from assessments.catalogue.loader import Catalogue
from assessments.engine.check import Status, TargetKind
from assessments.engine.evaluate import Evaluation
from assessments.engine.outcome import Outcome
from assessments.engine.targets import subjects
from assessments.judging.engines import engine_for
from assessments.judging.folding import Answer, answers_of, folded_pairs
from assessments.judging.judgement import AreaCount, Judgement, Result
from assessments.scoring.adjust import Criticality, score
from assessments.scoring.posture import Posture, posture_by_area

OPEN = (Status.FAIL, Status.UNKNOWN)
Place = tuple[str, str, str]


def judge(
    document: Mapping[str, Any],
    catalogue: Catalogue,
    *,
    facts_digest: str = "",
    criticality: str = Criticality.NORMAL,
) -> Judgement:
    """Judge the facts of one host.

    Fails and unknowns come with evidence, reason and scoring; passes and checks that do not
    apply come bare, which is eight times faster. `facts_digest` is the root of what was
    judged, `criticality` that of the host. Raises ValueError for another criticality.
    """
    return _judge(document, catalogue, facts_digest, criticality, OPEN)


def judge_in_full(
    document: Mapping[str, Any],
    catalogue: Catalogue,
    *,
    facts_digest: str = "",
    criticality: str = Criticality.NORMAL,
) -> Judgement:
    """Judge the facts of one host and give evidence for every result."""
    return _judge(document, catalogue, facts_digest, criticality, tuple(Status))


def _judge(
    document: Mapping[str, Any],
    catalogue: Catalogue,
    facts_digest: str,
    criticality: str,
    explained: tuple[Status, ...],
) -> Judgement:
    host = Criticality(criticality)
    evaluation = engine_for(catalogue).evaluate(document)
    (place,) = subjects(document, TargetKind.HOST)
    answers = tuple(answers_of(evaluation, place.target))
    by_area = posture_by_area((answer.check, answer.status) for answer in answers)
    return Judgement(
        results=_results(evaluation, answers, host, explained),
        counts=_counts(answers),
        posture=sum(by_area.values(), Posture()),
        posture_by_area=by_area,
        facts_digest=facts_digest,
        catalogue_digest=catalogue.digest,
        collected_at=str(document.get("collected_at", "")),
        runtime_ids=_runtime_ids(document),
        folded=folded_pairs(evaluation),
    )


def _results(
    evaluation: Evaluation,
    answers: Iterable[Answer],
    criticality: Criticality,
    explained: tuple[Status, ...],
) -> tuple[Result, ...]:
    return tuple(
        _scored(answer.outcome(evaluation), criticality)
        if answer.status in explained
        else _bare(answer)
        for answer in answers
    )


def _bare(answer: Answer) -> Result:
    check = answer.check
    return Result(check.id, answer.status, answer.target, check.likelihood, check.impact)


def _scored(outcome: Outcome, criticality: Criticality) -> Result:
    check = outcome.check
    result = Result(
        check_id=check.id,
        status=outcome.status,
        target=outcome.target,
        likelihood=check.likelihood,
        impact=check.impact,
        evidence=outcome.evidence,
        reason=outcome.reason,
        missing=outcome.missing,
        needs=outcome.needs,
        is_defect=outcome.is_defect,
    )
    if outcome.status is not Status.FAIL:
        return result
    found = score(
        likelihood=check.likelihood,
        impact=check.impact,
        adjustments=outcome.adjustments,
        criticality=criticality,
    )
    return replace(
        result,
        likelihood=found.likelihood,
        impact=found.impact,
        level=found.level,
        steps=found.steps,
    )


def _counts(answers: Iterable[Answer]) -> tuple[AreaCount, ...]:
    times: dict[Place, Counter[Status]] = {}
    weights: dict[Place, Counter[Status]] = {}
    for answer in answers:
        check, status = answer.check, answer.status
        place = (check.area, check.layer, check.mechanism)
        times.setdefault(place, Counter())[status] += 1
        weights.setdefault(place, Counter())[status] += check.impact
    return tuple(_area_count(place, times[place], weights[place]) for place in sorted(times))


def _area_count(place: Place, times: Counter[Status], weights: Counter[Status]) -> AreaCount:
    area, layer, mechanism = place
    return AreaCount(
        area=area,
        layer=layer,
        mechanism=mechanism,
        passed=times[Status.PASS],
        failed=times[Status.FAIL],
        unknown=times[Status.UNKNOWN],
        not_applicable=times[Status.NOT_APPLICABLE],
        weight_passed=weights[Status.PASS],
        weight_total=weights.total() - weights[Status.NOT_APPLICABLE],
    )


def _runtime_ids(document: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(container["key"]): container["id"]
        for container in document.get("containers", ())
        if isinstance(container.get("id"), str)
    }
