"""The printed view: what is cut, grouped and limited."""

import json
from typing import Any

from assessments.reports.sample import sample_dataset
from assessments.reports.view import DETAIL_LIMIT, REGISTER_LIMIT, view_of


def view_with(findings: int, hosts: int = 3) -> dict[str, Any]:
    dataset = sample_dataset(findings=findings, hosts=hosts)
    return view_of(json.loads(dataset.canonical_bytes()), digest=dataset.digest())


def ids_in_register(view: dict[str, Any]) -> list[str]:
    return [f["id"] for row in view["register"] for host in row["hosts"] for f in host["found"]]


def test_up_to_the_limit_every_finding_is_in_both_lists() -> None:
    counts = view_with(REGISTER_LIMIT)["counts"]
    assert counts["registered"] == counts["detailed"] == counts["findings"] == REGISTER_LIMIT


def test_above_the_limit_the_worst_are_registered_and_fewer_described() -> None:
    view = view_with(REGISTER_LIMIT + 1)
    described = sum(len(case["targets"]) for check in view["checks"] for case in check["cases"])
    assert len(set(ids_in_register(view))) == REGISTER_LIMIT
    assert described == DETAIL_LIMIT


def test_each_finding_stands_in_exactly_one_case() -> None:
    view = view_with(200)
    ids = [t["id"] for check in view["checks"] for case in check["cases"] for t in case["targets"]]
    assert sorted(ids) == sorted(ids_in_register(view)) == sorted(set(ids))


def test_a_row_of_the_register_holds_one_check_and_score_worst_first() -> None:
    rows = view_with(200)["register"]
    keys = [(row["check"], row["level"], row["likelihood"], row["impact"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert [row["level"] for row in rows] == sorted((row["level"] for row in rows), reverse=True)


def test_targets_of_one_case_share_numbers_steps_and_evidence() -> None:
    dataset = json.loads(sample_dataset(findings=200, hosts=3).canonical_bytes())
    by_id = {finding["id"]: finding for finding in dataset["findings"]}
    for check in view_of(dataset, digest="")["checks"]:
        for case in check["cases"]:
            members = [by_id[target["id"]] for target in case["targets"]]
            shared = [(m["likelihood"], m["impact"], m["steps"], m["evidence"]) for m in members]
            assert all(item == shared[0] for item in shared)


def test_a_register_row_points_to_the_block_of_its_check() -> None:
    view = view_with(50)
    assert all(view["checks"][row["place"]]["id"] == row["check"] for row in view["register"])


def test_the_areas_count_every_finding() -> None:
    view = view_with(80)
    assert sum(area["findings"] for area in view["areas"]) == 80
    assert sum(check["targets"] for area in view["areas"] for check in area["checks"]) == 80


def test_a_condition_expected_of_several_facts_is_printed_once() -> None:
    dataset = json.loads(sample_dataset(findings=1, hosts=1).canonical_bytes())
    finding = dataset["findings"][0]
    finding["evidence"] = [
        {"path": path, "observed": "0", "expected": "a && b"} for path in ("a", "b")
    ]
    (check,) = view_of(dataset, digest="")["checks"]
    assert check["cases"][0]["expected_of_all"] == "a && b"


def test_much_evidence_is_cut_and_the_rest_counted() -> None:
    dataset = json.loads(sample_dataset(findings=1, hosts=1).canonical_bytes())
    dataset["findings"][0]["evidence"] *= 100
    (check,) = view_of(dataset, digest="")["checks"]
    assert len(check["cases"][0]["evidence"]) + check["cases"][0]["evidence_hidden"] == 100
    assert check["cases"][0]["evidence_hidden"] > 50
