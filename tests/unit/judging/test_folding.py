"""Unknown pairs: one answer on the host for each check, however many containers there are."""

from itertools import combinations
from typing import Any

from assessments.catalogue.loader import load_catalogue
from assessments.engine.check import Status, TargetKind
from assessments.judging import Judgement, Result, judge

CHECK = "PLT-CPU-05"
REASON = "a container has no sensitivity label"


def host(*pairs: dict[str, Any]) -> dict[str, Any]:
    """A host with these pairs and nothing else."""
    unknowns = [{"path": "pairs[].same_sensitivity", "reason": REASON}]
    return {"host": {"name": "box"}, "containers": [], "pairs": list(pairs), "unknowns": unknowns}


def pair(a: str, b: str, **facts: object) -> dict[str, Any]:
    """Two containers that run on one core."""
    return {"a": a, "b": b, "same_pod": False, "cpu": {"core": True}, **facts}


def answers(judgement: Judgement, check: str = CHECK) -> list[Result]:
    return [each for each in judgement.results if each.check_id == check]


def test_many_unknown_pairs_are_one_answer_on_the_host() -> None:
    judgement = judge(host(pair("a", "b"), pair("a", "c"), pair("b", "c")), load_catalogue())
    (only,) = answers(judgement)
    assert only.status is Status.UNKNOWN
    assert (only.target.kind, only.target.name) == (TargetKind.HOST, "box")
    assert only.evidence[0].path == "pairs"
    assert only.evidence[0].observed == "3 of 3 pairs not known"
    assert only.missing == "pair.same_sensitivity"
    assert REASON in only.reason


def test_one_unknown_pair_keeps_its_name() -> None:
    judgement = judge(host(pair("a", "b")), load_catalogue())
    (only,) = answers(judgement)
    assert (only.status, only.target.key) == (Status.UNKNOWN, "a+b")
    assert (CHECK, "a+b") not in judgement.folded


def test_what_is_known_stays_beside_the_folded_answer() -> None:
    document = host(
        pair("a", "b", same_sensitivity=False),
        pair("a", "c"),
        pair("b", "c", cpu={"core": False}),
        pair("c", "d"),
    )
    judgement = judge(document, load_catalogue())
    found = {each.target.key: each.status for each in answers(judgement)}
    assert found == {"host": Status.UNKNOWN, "a+b": Status.FAIL, "b+c": Status.PASS}
    unknown = next(each for each in answers(judgement) if each.status is Status.UNKNOWN)
    assert unknown.evidence[0].observed == "2 of 4 pairs not known"


def test_folded_pairs_are_named_so_that_none_counts_as_mended() -> None:
    judgement = judge(host(pair("a", "b"), pair("a", "c")), load_catalogue())
    assert {(CHECK, "a+b"), (CHECK, "a+c")} <= judgement.folded


def test_a_folded_answer_counts_once() -> None:
    few = judge(host(*(pair(a, b) for a, b in combinations("abc", 2))), load_catalogue())
    many = judge(host(*(pair(a, b) for a, b in combinations("abcdefghij", 2))), load_catalogue())
    assert few.posture == many.posture
    assert few.counts == many.counts
    assert few.coverage == many.coverage
