"""Judging whole documents: results, scores, counters, posture, JSON."""

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any

import pytest

from agents.facts.document import build_document
from assessments.catalogue.loader import load_catalogue
from assessments.engine.check import Status, TargetKind
from assessments.judging import Judgement, Result, judge, judge_in_full
from assessments.judging import engines as kept
from assessments.scoring.levels import Level
from tests.unit.facts.sample_documents import (
    NAMES,
    NOW,
    assignments_of,
    load,
    parts_of,
    sections_of,
)


@cache
def document(name: str) -> dict[str, Any]:
    sample = load(name)
    return build_document(
        sections=sections_of(sample),
        containers=parts_of(sample),
        policy=load_catalogue().policy,
        now=NOW,
        collected_at=NOW,
        assignments=assignments_of(sample),
    )


@cache
def judged(name: str) -> Judgement:
    return judge(document(name), load_catalogue(), facts_digest="f" * 64)


def only(judgement: Judgement, check: str, key: str) -> Result:
    (found,) = [
        each for each in judgement.results if each.check_id == check and each.target.key == key
    ]
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_check_answers_once_on_every_target(name: str) -> None:
    answers = Counter((each.check_id, each.target) for each in judged(name).results)
    assert set(answers.values()) == {1}
    sizes = {
        TargetKind.HOST: 1,
        TargetKind.CONTAINER: len(document(name)["containers"]),
        TargetKind.PAIR: len(document(name)["pairs"]),
        TargetKind.RUNTIME: len(document(name)["runtimes"]),
        TargetKind.IMAGE: len(document(name)["images"]),
    }
    folded = judged(name).folded
    spared = len(folded) - len({check for check, _ in folded})
    asked = sum(sizes[check.target] for check in load_catalogue().checks.values())
    assert len(answers) == asked - spared


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_missing_without_a_reason(name: str) -> None:
    defects = {each.missing for each in judged(name).results if each.is_defect}
    # The sample without a runtime API forgets to say why this derived value is left out.
    assert defects == ({"container.log.rotates"} if name == "no-runtime-api" else set())


@pytest.mark.parametrize(
    ("check", "key", "status"),
    [
        ("SEG-MNT-04", "111111111111", Status.FAIL),
        ("SEG-MNT-04", "222222222222", Status.PASS),
        ("SEG-NET-01", "333333333333", Status.FAIL),
        ("SEG-PID-02", "111111111111+222222222222", Status.FAIL),
        ("SEG-PID-02", "222222222222+333333333333", Status.PASS),
        ("SEG-USR-01", "444444444444", Status.PASS),
        ("KRN-LCK-01", "host", Status.FAIL),
    ],
)
def test_known_weaknesses_are_found(check: str, key: str, status: Status) -> None:
    assert only(judged("as-found"), check, key).status is status


def test_a_hardened_host_fails_little() -> None:
    good, bad = judged("hardened").posture, judged("as-found").posture
    # Facts without samples, history and answers leave much unknown, which is no pass.
    assert good.failed < 0.02 * good.passed
    assert bad.failed > 0.5 * bad.passed
    assert good.share is not None
    assert bad.share is not None
    assert good.share > bad.share + 0.3


def test_only_a_fail_has_a_level_and_the_steps_lead_there() -> None:
    fails = judged("as-found").of_status(Status.FAIL)
    assert fails
    catalogue = load_catalogue().checks
    for result in judged("as-found").results:
        assert (result.level is not None) == (result.status is Status.FAIL)
    for result in fails:
        likelihood = catalogue[result.check_id].likelihood
        impact = catalogue[result.check_id].impact
        for step in result.steps:
            assert (step.likelihood_before, step.impact_before) == (likelihood, impact)
            likelihood, impact = step.likelihood_after, step.impact_after
        assert (result.likelihood, result.impact) == (likelihood, impact)


def test_a_fail_and_an_unknown_carry_their_evidence() -> None:
    for result in judged("as-found").of_status(Status.FAIL):
        assert result.evidence, result.check_id
    for result in judged("no-runtime-api").of_status(Status.UNKNOWN):
        assert result.reason, result.check_id


def test_the_criticality_of_the_host_moves_the_impact() -> None:
    normal = judged("as-found")
    critical = judge(document("as-found"), load_catalogue(), criticality="critical")
    before = only(normal, "SEG-NET-01", "333333333333")
    after = only(critical, "SEG-NET-01", "333333333333")
    assert after.impact == min(5, before.impact + 2)
    assert "criticality" in after.steps[-1].because


def test_another_criticality_is_refused() -> None:
    with pytest.raises(ValueError, match="huge"):
        judge(document("hardened"), load_catalogue(), criticality="huge")


@pytest.mark.parametrize("name", NAMES)
def test_counters_add_up_to_the_results(name: str) -> None:
    judgement = judged(name)
    statuses = Counter(each.status for each in judgement.results)
    for status, field in (
        (Status.PASS, "passed"),
        (Status.FAIL, "failed"),
        (Status.UNKNOWN, "unknown"),
        (Status.NOT_APPLICABLE, "not_applicable"),
    ):
        assert sum(getattr(each, field) for each in judgement.counts) == statuses[status]
    weights = sum(each.weight_passed for each in judgement.counts)
    total = sum(each.weight_total for each in judgement.counts)
    assert judgement.posture.share == pytest.approx(weights / total)
    places = [(each.area, each.layer, each.mechanism) for each in judgement.counts]
    assert len(set(places)) == len(places)


def test_coverage_counts_what_is_known() -> None:
    judgement = judged("no-runtime-api")
    statuses = Counter(each.status for each in judgement.results)
    known = statuses[Status.PASS] + statuses[Status.FAIL]
    assert judgement.coverage == known / (known + statuses[Status.UNKNOWN])
    assert judgement.coverage < (judged("as-found").coverage or 0)


def test_judging_in_full_gives_the_same_answers_with_evidence_for_passes() -> None:
    bare, full = judged("hardened"), judge_in_full(document("hardened"), load_catalogue())
    assert [(each.check_id, each.target, each.status, each.level) for each in bare.results] == [
        (each.check_id, each.target, each.status, each.level) for each in full.results
    ]
    passes = full.of_status(Status.PASS)
    assert all(each.evidence for each in passes)
    assert not any(each.evidence for each in bare.of_status(Status.PASS))


def test_an_empty_document_is_unknown_and_never_passes() -> None:
    empty = build_document(
        sections={},
        containers=[],
        policy=load_catalogue().policy,
        now=NOW,
        collected_at=NOW,
    )
    judgement = judge(empty, load_catalogue())
    passed = {each.check_id for each in judgement.of_status(Status.PASS)}
    assert passed == set()
    assert not judgement.of_status(Status.FAIL)
    assert judgement.of_status(Status.UNKNOWN)


def test_the_json_has_exactly_the_fields_that_readers_know() -> None:
    data = json.loads(json.dumps(judge_in_full(document("as-found"), load_catalogue()).as_json()))
    assert data.keys() == {"results", "posture", "facts_digest", "catalogue_digest"}
    fields = {"check", "status", "target", "container", "container_id", "level", "evidence"}
    assert all(row.keys() == fields for row in data["results"])
    assert all(
        each.keys() == {"path", "observed", "expected"}
        for row in data["results"]
        for each in row["evidence"]
    )
    assert {row["status"] for row in data["results"]} == set(Status)
    assert {row["target"] for row in data["results"]} == set(TargetKind)


def test_the_json_names_containers_and_pairs() -> None:
    rows = judged("as-found").as_json()["results"]
    container = next(row for row in rows if row["check"] == "SEG-MNT-04")
    assert (container["container"], container["container_id"]) == ("legacy", "1" * 64)
    assert container["level"] == "Very high"
    pair = next(row for row in rows if row["check"] == "SEG-PID-02" and row["level"])
    assert pair["container"] == "legacy, sidecar"
    assert pair["container_id"] == f"{'1' * 64}, {'2' * 64}"
    host = next(row for row in rows if row["target"] == "host")
    assert host["container"] is None
    assert host["container_id"] is None


def test_the_same_facts_give_the_same_bytes() -> None:
    first = judge_in_full(document("as-found"), load_catalogue()).as_json()
    second = judge_in_full(json.loads(json.dumps(document("as-found"))), load_catalogue())
    assert json.dumps(first) == json.dumps(second.as_json())


def test_levels_are_counted() -> None:
    levels = judged("as-found").levels()
    assert levels[Level.VERY_HIGH] > 0
    assert levels.total() == len(judged("as-found").of_status(Status.FAIL))


def test_a_catalogue_is_compiled_once_and_old_ones_are_let_go() -> None:
    catalogue = load_catalogue()
    few = MappingProxyType({"SEG-NET-01": catalogue.checks["SEG-NET-01"]})
    engine = kept.engine_for(catalogue)
    assert kept.engine_for(catalogue) is engine
    for digest in ("a", "b", "c"):
        kept.engine_for(replace(catalogue, checks=few, digest=digest))
    assert kept.engine_for(catalogue) is not engine
