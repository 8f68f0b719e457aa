"""Evidence, reasons and adjustments of one result."""

from typing import Any

import pytest

from assessments.engine.check import Adjuster, Check, Status
from assessments.engine.evaluate import Engine
from assessments.engine.outcome import AdjustmentState, Outcome
from tests.unit.engine.world import TYPES, check, container, document


def outcome(one: Check, facts: dict[str, Any], **more: object) -> Outcome:
    """Return the result of a check on a single container."""
    evaluation = Engine([one], TYPES).evaluate(document(facts, **more))
    (row,) = evaluation.rows
    return evaluation.explain(one, row.targets[0])


def evidence(one: Check, facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the evidence as plain values."""
    found = outcome(one, container(**facts)).evidence
    return [(item.path, item.observed, item.expected) for item in found]


@pytest.mark.parametrize(
    ("passes", "facts", "expected"),
    [
        (
            "!container.privileged",
            {"privileged": True},
            [("container.privileged", "true", "false")],
        ),
        (
            "container.pids <= -500",
            {"pids": 0},
            [("container.pids", "0", "at most -500")],
        ),
        (
            'container.name != "a"',
            {"name": "a"},
            [("container.name", '"a"', 'not equal to "a"')],
        ),
        (
            "!(container.pids > 5)",
            {"pids": 9},
            [("container.pids", "9", "at most 5")],
        ),
        (
            "container.pids <= policy.pids_max",
            {"pids": 101},
            [("container.pids", "101", "at most 100 (policy.pids_max)")],
        ),
        (
            "size(container.caps) == 0",
            {"caps": ["CAP_A"]},
            [("container.caps", '["CAP_A"]', "size equal to 0")],
        ),
        (
            '!("CAP_A" in container.caps)',
            {"caps": ["CAP_B", "CAP_A"]},
            [("container.caps[1]", '"CAP_A"', 'does not contain "CAP_A"')],
        ),
        (
            '"CAP_A" in container.caps',
            {"caps": ["CAP_B"]},
            [("container.caps", '["CAP_B"]', 'contains "CAP_A"')],
        ),
        (
            'container.name in ["a", "b"]',
            {"name": "c"},
            [("container.name", '"c"', 'one of ["a", "b"]')],
        ),
        (
            "double(container.load) < 0.5",
            {"load": 1},
            [("container.load", "1", "less than 0.5")],
        ),
        (
            "container.pids > 5 && !container.privileged",
            {"pids": 3, "privileged": False},
            [("container.pids", "3", "more than 5")],
        ),
        (
            "container.pids > 5 || !container.privileged",
            {"pids": 3, "privileged": True},
            [("container.pids", "3", "more than 5"), ("container.privileged", "true", "false")],
        ),
        (
            '!container.mounts.exists(m, m.role == "host" && !m.read_only)',
            {"mounts": [{"role": "volume"}, {"role": "host", "read_only": False, "path": "/etc"}]},
            [
                (
                    "container.mounts[1]",
                    '{"path":"/etc","read_only":false,"role":"host"}',
                    '!(m.role == "host" && !m.read_only)',
                )
            ],
        ),
        (
            '["a", "b"].all(x, x in container.caps)',
            {"caps": ["a"]},
            [("container.caps", '["a"]', 'contains "b"')],
        ),
        (
            'container.name.startsWith("a")',
            {"name": "b"},
            [("container.name", '"b"', 'starts with "a"')],
        ),
        (
            "!has(container.extra)",
            {"extra": {}},
            [("container.extra", "present", "missing")],
        ),
    ],
)
def test_evidence_is_the_fact_that_decided(
    passes: str, facts: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    assert evidence(check(passes), facts) == expected


def test_a_pass_can_be_explained_too() -> None:
    one = check("!container.privileged")
    found = outcome(one, container(privileged=False))
    assert found.status is Status.PASS
    assert [item.path for item in found.evidence] == ["container.privileged"]


def test_evidence_is_cut_to_ten_facts_and_500_characters() -> None:
    mounts = [{"path": "x" * 900, "read_only": False}] * 50
    found = evidence(check("container.mounts.all(m, m.read_only)"), {"mounts": mounts})
    assert len(found) == 10
    long = evidence(check('container.name == "a"'), {"name": "x" * 900})
    assert len(long[0][1]) == 500


def test_an_unknown_carries_the_reason_the_agent_gave() -> None:
    entry = {"path": "containers[].privileged", "reason": "no runtime API", "needs": "the socket"}
    found = outcome(check("!container.privileged"), container(), unknowns=[entry])
    assert (found.missing, found.needs, found.is_defect) == (
        "container.privileged",
        "the socket",
        False,
    )
    assert "no runtime API" in found.reason


def test_a_missing_fact_without_a_reason_is_a_defect() -> None:
    found = outcome(check("!container.privileged"), container())
    assert found.is_defect
    assert found.reason == "container.privileged: missing without reason"


@pytest.mark.parametrize(
    ("path", "is_found"),
    [
        ("containers[aaaaaaaaaaaa].extra.flag", True),
        ("containers[aaaaaaaaaaaa]", True),
        ("containers[].extra", True),
        ("containers[].extra{}", True),
        ("containers", True),
        ("containers[bbbbbbbbbbbb].extra.flag", False),
        ("containers[].extra.fla", False),
        ("containers[].ex", False),
        ("extra.flag", False),
    ],
)
def test_a_reason_covers_its_path_and_what_is_below(path: str, is_found: bool) -> None:
    entry = {"path": path, "reason": "why"}
    found = outcome(check("container.extra.flag"), container(), unknowns=[entry])
    assert ("why" in found.reason) is is_found


def test_the_longest_path_gives_the_reason() -> None:
    entries = [
        {"path": "containers[]", "reason": "general"},
        {"path": "containers[].extra.flag", "reason": "exact"},
        {"path": "containers[].extra", "reason": "middle"},
    ]
    found = outcome(check("container.extra.flag"), container(), unknowns=entries)
    assert "exact" in found.reason


@pytest.mark.parametrize("unknowns", [None, {}, "x", [None, 3, {"reason": "no path"}, {"path": 3}]])
def test_broken_entries_are_passed_over(unknowns: object) -> None:
    found = outcome(check("!container.privileged"), container(), unknowns=unknowns)
    assert found.status is Status.UNKNOWN


def test_a_value_of_another_type_is_a_defect() -> None:
    found = outcome(check("!container.privileged"), container(privileged="no"))
    assert (found.status, found.is_defect) == (Status.UNKNOWN, True)


def test_a_conversion_that_fails_is_unknown_and_no_defect() -> None:
    one = check('int(kernel.sysctl["kernel.x"]) > 0')
    found = outcome(one, container(), kernel={"sysctl": {"kernel.x": "<absent>"}})
    assert (found.status, found.is_defect) == (Status.UNKNOWN, False)


CUT = [{"path": "containers[].mounts", "reason": "truncated"}]


@pytest.mark.parametrize(
    ("passes", "read_only", "expected"),
    [
        ("container.mounts.all(m, m.read_only)", True, Status.UNKNOWN),
        ("container.mounts.all(m, m.read_only)", False, Status.FAIL),
        ("container.mounts.exists(m, m.read_only)", True, Status.PASS),
        ("container.mounts.exists(m, m.read_only)", False, Status.UNKNOWN),
        ("size(container.mounts) == 1", True, Status.UNKNOWN),
        ("container.mounts.filter(m, true).all(m, m.read_only)", True, Status.UNKNOWN),
        ("!container.privileged", True, Status.PASS),
    ],
)
def test_a_list_that_was_cut_cannot_pass_silently(
    passes: str, read_only: bool, expected: Status
) -> None:
    facts = container(mounts=[{"read_only": read_only}], privileged=False)
    assert outcome(check(passes), facts, unknowns=CUT).status is expected
    own = [{"path": "containers[aaaaaaaaaaaa].mounts", "reason": "truncated"}]
    assert outcome(check(passes), facts, unknowns=own).status is expected


def test_a_cut_list_of_another_container_changes_nothing() -> None:
    other = [{"path": "containers[bbbbbbbbbbbb].mounts", "reason": "truncated"}]
    one = check("container.mounts.all(m, m.read_only)")
    found = outcome(one, container(mounts=[{"read_only": True}]), unknowns=other)
    assert found.status is Status.PASS


def test_an_adjuster_is_applied_not_applied_or_not_known() -> None:
    one = check(
        "!container.privileged",
        adjusters=(
            Adjuster("container.pids > 5", 1, 0, "many processes"),
            Adjuster("container.pids > 50", 0, 1, "very many processes"),
            Adjuster("size(container.ports) > 0", 1, 0, "reachable"),
        ),
    )
    found = outcome(one, container(privileged=True, pids=9))
    assert [(item.because, item.state) for item in found.adjustments] == [
        ("many processes", AdjustmentState.APPLIED),
        ("very many processes", AdjustmentState.NOT_APPLIED),
        ("reachable", AdjustmentState.NOT_KNOWN),
    ]


@pytest.mark.parametrize(
    ("changes", "facts", "reason"),
    [
        ({"not_applicable": "container.pids == 1"}, {"pids": 1}, "container.pids == 1"),
        ({"unknown_when": "container.pids == 1"}, {"pids": 1}, "container.pids == 1"),
        ({"pass_only_if": "container.pids == 1"}, {"pids": 2}, "container.pids == 1"),
        ({}, {"state": "exited"}, "exited"),
    ],
)
def test_the_part_of_the_check_that_decided_is_the_reason(
    changes: dict[str, object], facts: dict[str, Any], reason: str
) -> None:
    one = check("!container.privileged", **changes)
    found = outcome(one, container(privileged=False, **facts))
    assert found.status in (Status.NOT_APPLICABLE, Status.UNKNOWN)
    assert reason in found.reason
    assert not found.is_defect


def test_a_target_of_another_document_has_no_result() -> None:
    one = check("!container.privileged")
    engine = Engine([one], TYPES)
    other = engine.evaluate(document(container("b"))).rows[0].targets[0]
    with pytest.raises(LookupError):
        engine.evaluate(document(container("a"))).explain(one, other)


def test_facts_nested_a_thousand_times_are_unknown_and_break_nothing() -> None:
    deep: object = "a"
    for _ in range(5_000):
        deep = [deep]
    facts = container(name=deep, runtime=deep, caps=deep)
    for text in (
        "container.name == container.runtime",
        '"a" in container.caps',
        "size(container.caps) == 0",
        "container.caps.exists(x, x == container.name)",
    ):
        found = outcome(check(text), facts)
        assert found.status in (Status.UNKNOWN, Status.FAIL)
        assert all(len(item.observed) <= 500 for item in found.evidence)


def test_a_lone_surrogate_is_shown_as_text_that_can_be_stored() -> None:
    ((_, observed, _),) = evidence(check('container.name == "a"'), {"name": "\ud800"})
    assert observed.encode() == b'"\\ud800"'
