"""What is not known is said with its reason, and never filled in."""

from typing import Any

import pytest

from agents.facts.containers import ContainerPart
from agents.facts.document import build_document
from agents.facts.unknowns import Unknowns, covers
from tests.unit.facts.sample_documents import NOW, assignments_of, load, parts_of, sections_of


def built(sample: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return build_document(
        **{
            "sections": sections_of(sample),
            "containers": parts_of(sample),
            "policy": {},
            "now": NOW,
            "collected_at": NOW,
            "assignments": assignments_of(sample),
            **changed,
        }
    )


def entries(document: dict[str, Any], path: str) -> list[dict[str, Any]]:
    return [each for each in document["unknowns"] if each["path"] == path]


def without_posture(part: ContainerPart, path: str, reason: str) -> ContainerPart:
    *parents, name = path.split(".")
    facts: dict[str, Any] = dict(part.posture["facts"])
    body = facts
    for parent in parents:
        body[parent] = dict(body[parent])
        body = body[parent]
    del body[name]
    gap = {"path": f"containers[].{path}", "reason": reason, "errno": "EACCES"}
    return ContainerPart(part.key, part.identity, {"facts": facts, "unknowns": [gap]})


@pytest.mark.parametrize("name", ["kernel", "images", "runtimes"])
def test_a_failed_section_is_left_out_with_its_reason(name: str) -> None:
    sample = load("hardened")
    sections = {**sections_of(sample), name: {"error": "EACCES", "needs": "root"}}
    document = built(sample, sections=sections)
    assert name not in document
    (entry,) = entries(document, name)
    assert (entry["errno"], entry["needs"]) == ("EACCES", "root")


def test_a_section_that_was_never_sent_is_left_out() -> None:
    document = built(load("hardened"), sections={})
    assert "kernel" not in document
    assert "images" not in document
    assert entries(document, "kernel")


def test_a_wall_that_was_not_observed_makes_the_count_unknown() -> None:
    sample = load("hardened")
    first, *rest = parts_of(sample)
    torn = without_posture(first, "seccomp.weakest_mode", "status not readable")
    document = built(sample, containers=[torn, *rest])
    by_key = {each["key"]: each for each in document["containers"]}
    assert "walls" not in by_key[first.key]
    assert by_key["b1b2c3d4e5f6"]["walls"] == 7
    (entry,) = entries(document, f"containers[{first.key}].walls")
    assert entry["container"] == first.key
    assert "status not readable" in entry["reason"]
    assert entry in document["unknowns_by_container"][first.key]


def test_a_pair_says_which_side_was_not_readable() -> None:
    sample = load("hardened")
    first, *rest = parts_of(sample)
    torn = without_posture(first, "ids.host_uids", "process ended")
    document = built(sample, containers=[torn, *rest])
    (row,) = document["pairs"]
    assert "common_uids" not in row
    (entry,) = entries(document, "pairs[].common_uids")
    assert "process ended" in entry["reason"]


def test_pairs_that_lack_a_fact_for_other_reasons_say_so() -> None:
    first, second, *rest = parts_of(load("as-found"))
    torn = [
        without_posture(first, "ids.host_uids", "process ended"),
        without_posture(second, "ids.host_uids", "not allowed"),
    ]
    document = built(load("as-found"), containers=[*torn, *rest])
    general = entries(document, "pairs[].common_uids")
    assert [each["reason"].rpartition(": ")[2] for each in general] == ["process ended"]
    other = entries(document, f"pairs[{second.key}+333333333333].common_uids")
    assert [each["reason"].rpartition(": ")[2] for each in other] == ["not allowed"]


def test_missing_labels_are_one_unknown_for_all_pairs() -> None:
    document = built(load("as-found"), assignments={})
    assert all("same_sensitivity" not in row for row in document["pairs"])
    assert len(entries(document, "pairs[].same_sensitivity")) == 1
    owners = [each for each in document["unknowns"] if each["path"].endswith("assignment.owner")]
    assert len({each["container"] for each in owners}) == 5


def test_a_label_outside_the_list_counts_as_missing() -> None:
    labels = {"a1b2c3d4e5f6": {"sensitivity": "<script>", "criticality": "batch"}}
    document = built(load("hardened"), assignments=labels)
    by_key = {each["key"]: each for each in document["containers"]}
    assert by_key["a1b2c3d4e5f6"]["assignment"] == {"criticality": "batch"}


def test_samples_events_and_answers_are_unknown_until_they_exist() -> None:
    document = built(load("hardened"))
    reasons = {each["path"]: each["reason"] for each in document["unknowns"]}
    assert reasons["usage"] == "no samples yet"
    assert reasons["attestation"] == "not answered"
    assert reasons["containers[].history"] == "no access events recorded yet"
    assert document["attestation"] == {}
    assert all("usage" not in each for each in document["containers"])


def test_one_unlimited_container_decides_even_when_another_was_not_readable() -> None:
    sample = load("as-found")
    first, *rest = parts_of(sample)
    torn = without_posture(first, "limits.memory_limited", "gone")
    computed = built(sample, containers=[torn, *rest])["resources"]["commitments"]
    assert computed["memory_bounded"] is False
    assert "memory_ratio" not in computed


def test_the_closest_reason_wins_and_an_own_one_before_a_general_one() -> None:
    unknowns = Unknowns()
    unknowns.add("containers[].seccomp.risky_allowed", "no bundle")
    unknowns.add("containers[].seccomp", "gone", scope=("container", "c1"))
    unknowns.add("containers[]", "all")
    path = "containers[].seccomp.risky_allowed"
    assert unknowns.reason_for(path, scope=("container", "c1")) == "gone"
    assert unknowns.reason_for(path, scope=("container", "c2")) == "no bundle"
    assert unknowns.reason_for("containers[].walls") == "all"
    assert unknowns.reason_for("kernel.config") == ""


@pytest.mark.parametrize(
    ("known", "path", "expected"),
    [
        ("kernel.config", 'kernel.config["CONFIG_BPF"]', True),
        ("kernel.config", "kernel.config", True),
        ("kernel.conf", "kernel.config", False),
        ("containers[]", "containers[].walls", True),
        ("kernel.config", "kernel", False),
        ("", "kernel", False),
    ],
)
def test_an_entry_covers_its_path_and_what_lies_below(
    known: str, path: str, expected: bool
) -> None:
    assert covers(known, path) is expected


def test_what_is_counted_over_all_containers_is_unknown_when_some_are_not_seen() -> None:
    sample = load("hardened")
    gap = {"path": "containers", "reason": "processes of other users are hidden"}
    host = sections_of(sample)["host"]
    hidden = {**host, "unknowns": [*host["unknowns"], gap]}
    whole = built(sample)
    document = built(sample, sections={**sections_of(sample), "host": hidden})
    assert whole["resources"]["commitments"]["pids_bounded"] is True
    assert "pids_bounded" not in document["resources"]["commitments"]
    assert "memory_ratio" not in document["resources"]["commitments"]
    assert {"containers", "pairs"} <= {entry["path"] for entry in document["unknowns"]}
    (reason,) = entries(document, "resources.commitments.pids_bounded")
    assert reason["reason"] == "needs containers: processes of other users are hidden"
    assert [] not in [one["shares"].get("pid") for one in document["containers"]]


def test_one_container_without_a_limit_decides_also_where_others_are_not_seen() -> None:
    sample = load("as-found")
    gap = {"path": "containers", "reason": "processes of other users are hidden"}
    host = sections_of(sample)["host"]
    hidden = {**host, "unknowns": [*host["unknowns"], gap]}
    document = built(sample, sections={**sections_of(sample), "host": hidden})
    assert document["resources"]["commitments"]["pids_bounded"] is False


def test_without_the_host_nothing_is_known_of_all_its_containers() -> None:
    """An agent shut in a container sees none, which does not mean that there are none."""
    sample = load("hardened")
    sections = {**sections_of(sample), "host": {"error": "shut in", "needs": "--root /host"}}
    document = built(sample, sections=sections, containers=[])
    assert "pids_bounded" not in document["resources"]["commitments"]
    assert {"containers", "pairs"} <= {entry["path"] for entry in document["unknowns"]}
