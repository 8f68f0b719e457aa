"""Values the server computes, recomputed from the raw parts of the samples.

The samples were written to make every check and edge reachable, so some of their derived
rows contradict their own raw parts. Those are listed here with what the raw parts say;
everything else must come out as in the sample.
"""

from typing import Any

import pytest

from agents.facts.document import build_document
from tests.unit.facts.sample_documents import (
    NAMES,
    NOW,
    assignments_of,
    load,
    parts_of,
    sections_of,
)

# sample, container name or key, field -> value that follows from the raw parts
RAW_SAYS: dict[tuple[str, str, str], object] = {
    # Started three days before the sample was taken.
    ("as-found", "111111111111", "age_days"): 3,
    ("no-runtime-api", "111111111111", "age_days"): 3,
    # An own user namespace and a filter.
    ("as-found", "444444444444", "walls"): 2,
    ("no-runtime-api", "444444444444", "walls"): 2,
    # All seven conditions hold.
    ("hardened", "a1b2c3d4e5f6", "walls"): 7,
    ("hardened", "b1b2c3d4e5f6", "walls"): 7,
    # No other container may use CPU 7.
    ("as-found", "111111111111", "cpu_overlap"): 0,
    ("no-runtime-api", "111111111111", "cpu_overlap"): 0,
}
PLAIN = ("age_days", "walls", "cpu_overlap", "uses_isolated_cpus", "login_ports", "assignment")


def rebuilt(name: str) -> dict[str, Any]:
    sample = load(name)
    return build_document(
        sections=sections_of(sample),
        containers=parts_of(sample),
        policy={},
        now=NOW,
        collected_at=NOW,
        assignments=assignments_of(sample),
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("field", PLAIN)
def test_container_values_follow_from_the_raw_parts(name: str, field: str) -> None:
    samples = [each for each in load(name)["containers"] if each["state"] == "running"]
    expected = {
        each["key"]: RAW_SAYS.get((name, each["key"], field), each[field]) for each in samples
    }
    assert {each["key"]: each[field] for each in rebuilt(name)["containers"]} == expected


@pytest.mark.parametrize("name", NAMES)
def test_stopped_containers_are_not_in_the_document(name: str) -> None:
    states = {each["state"] for each in load(name)["containers"]}
    assert {each["state"] for each in rebuilt(name)["containers"]} == {"running"}
    assert name == "no-runtime-api" or "exited" in states


@pytest.mark.parametrize("name", ["as-found", "no-runtime-api"])
def test_sharing_is_seen_from_both_sides(name: str) -> None:
    shares = {each["key"]: each["shares"] for each in rebuilt(name)["containers"]}
    legacy, sidecar = shares["111111111111"], shares["222222222222"]
    for kind in ("pid", "network", "ipc"):
        assert (legacy[kind], sidecar[kind]) == (["222222222222"], ["111111111111"])
    # legacy and sidecar are one station; mapped and rogue are the other two on docker0.
    assert (legacy["bridge_peers"], sidecar["bridge_peers"]) == (2, 2)
    assert shares["333333333333"] == {"pid": [], "network": [], "ipc": [], "bridge_peers": 0}


@pytest.mark.parametrize("name", NAMES)
def test_every_two_containers_have_one_row(name: str) -> None:
    document = rebuilt(name)
    count = len(document["containers"])
    rows = [(row["a"], row["b"]) for row in document["pairs"]]
    assert len(set(rows)) == len(rows) == count * (count - 1) // 2
    assert all(a < b for a, b in rows)


def test_a_hardened_pair_comes_out_as_in_the_sample() -> None:
    (expected,) = load("hardened")["pairs"]
    (row,) = rebuilt("hardened")["pairs"]
    # Both root file systems are overlays on the layers l1 and l2.
    assert row == {**expected, "shared_layers": 2}


PAIR_FIELDS = (
    "shared_namespaces",
    "same_pod",
    "same_user_namespace",
    "a_user_namespace_initial",
    "b_user_namespace_initial",
    "common_uids",
    "uid_maps_overlap",
    "shared_mounts",
    "bridges",
    "same_categories",
    "same_sensitivity",
)


@pytest.mark.parametrize("field", PAIR_FIELDS)
def test_the_pair_that_shares_nearly_everything_comes_out_as_in_the_sample(field: str) -> None:
    expected = load("as-found")["pairs"][0]
    row = rebuilt("as-found")["pairs"][0]
    assert (row["a"], row["b"]) == (expected["a"], expected["b"])
    wanted = expected[field]
    if field == "shared_mounts":
        wanted = sorted(wanted, key=lambda each: each["host_path"])
    assert row[field] == wanted


def test_a_volume_and_a_bind_of_its_parent_are_shared_storage() -> None:
    row = rebuilt("as-found")["pairs"][0]
    paths = {each["host_path"]: each for each in row["shared_mounts"]}
    volume = paths["/var/lib/docker/volumes/shared/_data"]
    assert (volume["kind"], volume["a_read_only"], volume["b_read_only"]) == (
        "volume",
        False,
        False,
    )
    assert paths["/tmp"]["kind"] == "scratch"


@pytest.mark.parametrize("name", ["as-found", "hardened"])
def test_ages_are_counted_in_days(name: str) -> None:
    sample, document = load(name), rebuilt(name)
    for key in ("images", "runtimes"):
        assert len(document[key]) == len(sample[key])
    assert [each["age_days"] for each in document["images"]] == [
        each["age_days"] for each in sample["images"]
    ]
    assert [each.get("tls", {}).get("days_left") for each in document["runtimes"]] == [
        each.get("tls", {}).get("days_left") for each in sample["runtimes"]
    ]


def test_stations_on_a_bridge_are_counted() -> None:
    (bridge,) = rebuilt("as-found")["network"]["bridges"]
    assert bridge["container_count"] == 3


@pytest.mark.parametrize("name", NAMES)
def test_commitments_are_bounded_as_in_the_sample(name: str) -> None:
    expected = load(name)["resources"]["commitments"]
    computed = rebuilt(name)["resources"]["commitments"]
    for field in ("memory_bounded", "pids_bounded"):
        assert computed[field] == expected[field]


def test_commitments_are_shares_of_what_the_host_can_give() -> None:
    computed = rebuilt("hardened")["resources"]["commitments"]
    assert computed["memory_ratio"] == pytest.approx(2 * 536870912 / (68719476736 * 0.9))
    assert computed["pids_ratio"] == pytest.approx(2 * 256 / 4194304)
