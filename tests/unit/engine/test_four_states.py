"""Four answers in the order they are defined, on the fast path and on the reference."""

from collections.abc import Mapping
from typing import Any

import pytest

from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.evaluate import Engine
from assessments.engine.expression.errors import ExpressionError
from tests.unit.engine.world import TYPES, check, container, document

PASS, FAIL = Status.PASS, Status.FAIL
UNKNOWN, NOT_APPLICABLE = Status.UNKNOWN, Status.NOT_APPLICABLE


def status(one: Check, facts: Mapping[str, object]) -> Status:
    """Return the answer on a single container; both paths must give it."""
    engine = Engine([one], TYPES)
    found = document(facts)
    (row,) = engine.evaluate(found).rows
    examined = engine.examine(one.id, {**found, "container": facts})
    assert row.statuses == (examined.status,)
    return examined.status


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({"privileged": False}, PASS), ({"privileged": True}, FAIL), ({}, UNKNOWN)],
)
def test_a_missing_fact_is_unknown_and_never_a_pass(
    facts: dict[str, Any], expected: Status
) -> None:
    assert status(check("!container.privileged"), container(**facts)) is expected


@pytest.mark.parametrize(("pids", "expected"), [(1, NOT_APPLICABLE), (2, FAIL), (None, FAIL)])
def test_not_applicable_ends_the_evaluation_and_its_error_does_not(
    pids: int | None, expected: Status
) -> None:
    one = check("!container.privileged", not_applicable="container.pids == 1")
    facts: dict[str, Any] = (
        {"privileged": True} if pids is None else {"privileged": True, "pids": pids}
    )
    assert status(one, container(**facts)) is expected


@pytest.mark.parametrize(("pids", "expected"), [(1, UNKNOWN), (2, PASS), (None, UNKNOWN)])
def test_unknown_when_is_true_or_an_error(pids: int | None, expected: Status) -> None:
    one = check("!container.privileged", unknown_when="container.pids == 1")
    facts = {"privileged": False} if pids is None else {"privileged": False, "pids": pids}
    assert status(one, container(**facts)) is expected


@pytest.mark.parametrize(
    ("privileged", "pids", "expected"),
    [
        (False, 1, PASS),
        (False, 2, UNKNOWN),
        (False, None, UNKNOWN),
        (True, 1, FAIL),
        (True, 2, FAIL),
        (True, None, FAIL),
    ],
)
def test_a_pass_counts_only_if_the_watcher_saw_and_a_fail_stays(
    privileged: bool, pids: int | None, expected: Status
) -> None:
    one = check("!container.privileged", pass_only_if="container.pids == 1")
    facts: dict[str, Any] = {"privileged": privileged}
    if pids is not None:
        facts["pids"] = pids
    assert status(one, container(**facts)) is expected


@pytest.mark.parametrize(
    ("states", "state", "expected"),
    [
        (("running", "paused"), "running", FAIL),
        (("running", "paused"), "paused", FAIL),
        (("running", "paused"), "exited", NOT_APPLICABLE),
        (("exited",), "exited", FAIL),
        (("exited",), "running", NOT_APPLICABLE),
    ],
)
def test_a_state_outside_the_check_is_not_applicable(
    states: tuple[str, ...], state: str, expected: Status
) -> None:
    one = check("!container.privileged", states=states)
    assert status(one, container(privileged=True, state=state)) is expected


def test_a_container_without_a_state_is_judged() -> None:
    facts = {"key": "a", "privileged": True}
    assert status(check("!container.privileged"), facts) is FAIL


def test_other_containers_are_those_that_run() -> None:
    one = check("size(containers) == 1")
    found = document(container("a"), container("b", state="exited"))
    (row,) = Engine([one], TYPES).evaluate(found).rows
    assert row.statuses == (PASS, NOT_APPLICABLE)


def test_every_kind_of_target_gets_its_results() -> None:
    checks = [
        check('host.mode == "v2"', id="H", target=TargetKind.HOST),
        check("container.privileged", id="C"),
        check('!("pid" in pair.shared)', id="P", target=TargetKind.PAIR),
        check("runtime.gap == 0", id="R", target=TargetKind.RUNTIME),
        check("image.registry in policy.registries", id="I", target=TargetKind.IMAGE),
    ]
    found = document(
        container("a", privileged=True, runtime="docker", image_id="sha256:11"),
        container("b", privileged=False),
        pairs=[{"a": "b", "b": "a", "shared": ["pid"]}],
        runtimes=[{"key": "docker", "gap": 0}],
        images=[{"id": "sha256:11", "tags": [], "registry": "example.org"}],
    )
    results = [
        (one.id, target.key, target.name, target.container_ids, answer)
        for one, target, answer in Engine(checks, TYPES).evaluate(found).results()
    ]
    assert results == [
        ("H", "host", "host-1", (), PASS),
        ("C", "a", "name-a", ("a",), PASS),
        ("C", "b", "name-b", ("b",), FAIL),
        ("P", "a+b", "name-a, name-b", ("a", "b"), FAIL),
        ("R", "docker", "docker", ("a",), PASS),
        ("I", "sha256:11", "11", ("a",), PASS),
    ]


def test_a_key_that_occurs_twice_does_not_hide_a_target() -> None:
    found = document(container("a", privileged=False), container("a", privileged=True))
    (row,) = Engine([check("!container.privileged")], TYPES).evaluate(found).rows
    assert [target.key for target in row.targets] == ["a", "a#2"]
    assert row.statuses == (PASS, FAIL)


@pytest.mark.parametrize("containers", [None, {}, "x", 3, [None, 3, "x", []]])
def test_a_list_of_something_else_has_no_targets(containers: object) -> None:
    found = {**document(), "containers": containers}
    (row,) = Engine([check("!container.privileged")], TYPES).evaluate(found).rows
    assert row.statuses == ()


def test_a_missing_section_is_unknown_for_every_check_that_reads_it() -> None:
    one = check('kernel.sysctl["kernel.x"] == "1"', target=TargetKind.HOST)
    found = document()
    del found["kernel"]
    (row,) = Engine([one], TYPES).evaluate(found).rows
    assert row.statuses == (UNKNOWN,)


def test_an_error_names_the_check_the_part_and_the_column() -> None:
    one = check("true", not_applicable="container.nothing")
    with pytest.raises(ExpressionError, match=r"TST-01, not_applicable: .*column 11"):
        Engine([one], TYPES)


def test_counts_add_up_to_all_results() -> None:
    found = document(container("a", privileged=True), container("b"))
    evaluation = Engine([check("!container.privileged")], TYPES).evaluate(found)
    assert evaluation.counts() == {FAIL: 1, UNKNOWN: 1}
    assert [outcome.status for outcome in evaluation.outcomes()] == [FAIL, UNKNOWN]
    assert [outcome.status for outcome in evaluation.outcomes(UNKNOWN)] == [UNKNOWN]
