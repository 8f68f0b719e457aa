"""The dataset: counts, order, posture, strata and matrix equal the input."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest

from assessments.reports.build import build_dataset
from assessments.reports.dataset import ReportDataset
from assessments.reports.inputs import (
    CheckTally,
    ControlInput,
    EvidenceInput,
    FindingInput,
    HostInput,
    NotAssessedInput,
)
from assessments.reports.sample import sample_dataset

NOW = datetime(2026, 11, 23, 16, 4, tzinfo=UTC)


def control(**changes: object) -> ControlInput:
    given = {
        "number": "R-1",
        "title": "Report",
        "organisation": "Example",
        "author": "Ada",
        "generated_at": NOW,
        "scope": "all",
    }
    return ControlInput(**(given | changes))  # type: ignore[arg-type]


def finding(**changes: object) -> FindingInput:
    given = {
        "check_id": "SEG-PID-01",
        "title": "Container has its own PID namespace",
        "level": 3,
        "likelihood": 3,
        "impact": 3,
        "host": "h1",
        "target_kind": "container",
        "target_name": "web",
        "area": "segregation",
        "layer": "kernel",
        "mechanism": "pid-namespace",
        "why": "Processes see each other.",
    }
    return FindingInput(**(given | changes))  # type: ignore[arg-type]


def tally(**changes: object) -> CheckTally:
    given = {
        "check_id": "SEG-PID-01",
        "title": "Container has its own PID namespace",
        "area": "segregation",
        "layer": "kernel",
        "mechanism": "pid-namespace",
        "weight": 3,
    }
    return CheckTally(**(given | changes))  # type: ignore[arg-type]


def built(
    *findings: FindingInput, tallies: tuple[CheckTally, ...] = (), hosts: tuple[str, ...] = ("h1",)
) -> ReportDataset:
    return build_dataset(
        control(),
        hosts=[HostInput(name=name) for name in hosts],
        findings=findings,
        tallies=tallies,
    )


def test_the_order_of_the_input_does_not_matter() -> None:
    findings = [
        finding(host=f"h{n % 3}", target_name=f"c{n % 7}", level=n % 5 + 1, check_id=f"X-{n % 4}")
        for n in range(60)
    ]
    hosts = [HostInput(name=f"h{n}") for n in range(3)]
    expected = build_dataset(control(), hosts=hosts, findings=findings)
    Random(4).shuffle(findings)
    shuffled = build_dataset(control(), hosts=hosts[::-1], findings=findings)
    assert shuffled.canonical_bytes() == expected.canonical_bytes()


def test_findings_that_differ_only_in_what_was_observed_have_one_order() -> None:
    one, two = (finding(evidence=(EvidenceInput(path="p", observed=o),)) for o in "ab")
    assert built(one, two).canonical_bytes() == built(two, one).canonical_bytes()


def test_findings_are_ordered_by_level_then_product_then_age() -> None:
    dataset = built(
        finding(id="new", level=4, likelihood=4, impact=4, first_seen=NOW),
        finding(id="old", level=4, likelihood=4, impact=4, first_seen=NOW - timedelta(days=9)),
        finding(id="product", level=4, likelihood=5, impact=4),
        finding(id="worst", level=5, likelihood=4, impact=5),
    )
    assert [item.id for item in dataset.findings] == ["worst", "product", "old", "new"]


def test_findings_without_a_number_are_numbered_in_order() -> None:
    dataset = built(finding(level=2), finding(level=5), finding(id="own", level=3))
    assert [item.id for item in dataset.findings] == ["F-0001", "own", "F-0003"]


def test_matrix_and_levels_count_each_finding_once() -> None:
    dataset = sample_dataset(findings=300, hosts=5)
    cells = {(c.likelihood, c.impact): c.count for c in dataset.matrix if c.count}
    assert cells == Counter((f.likelihood, f.impact) for f in dataset.findings)
    assert len(dataset.matrix) == 25
    levels = {item.level: item.count for item in dataset.summary.levels}
    assert levels == {n: sum(f.level == n for f in dataset.findings) for n in range(1, 6)}


def test_strata_hold_the_worst_level_and_the_count_of_each_mechanism() -> None:
    dataset = sample_dataset(findings=300, hosts=5)
    rooms = {(s.layer, r.mechanism): r for s in dataset.strata for r in s.rooms}
    assert sum(room.findings for room in rooms.values()) == 300
    for item in dataset.findings:
        assert rooms[item.layer, item.mechanism].level >= item.level
    assert [stratum.layer for stratum in dataset.strata] == [
        "userland",
        "kernel",
        "platform",
        "periphery",
    ]


def test_host_rows_count_their_findings_by_key_and_stand_worst_first() -> None:
    hosts = [HostInput(name="same", key="1"), HostInput(name="same", key="2")]
    findings = [finding(host="2", level=5), finding(host="1", level=4), finding(host="1", level=4)]
    dataset = build_dataset(control(), hosts=hosts, findings=findings)
    assert [(row.name, row.level, row.findings) for row in dataset.hosts] == [
        ("same", 5, 1),
        ("same", 4, 2),
    ]
    assert {item.host for item in dataset.findings} == {"same"}


def test_posture_is_weighted_and_unknown_never_counts_as_pass() -> None:
    tallies = (
        tally(weight=5, passed=1, unknown=1),
        tally(check_id="LOG-1", area="logging", weight=1, passed=2, failed=2),
    )
    summary = built(tallies=tallies).summary
    assert (summary.posture.passed_weight, summary.posture.percent) == (7, 50)
    assert summary.posture.coverage_percent == 83
    assert [(area.code, area.percent) for area in summary.areas] == [
        ("segregation", 50),
        ("logging", 50),
    ]


def test_a_percentage_is_a_hundred_only_when_every_result_passes() -> None:
    assert built(tallies=(tally(passed=9_999, unknown=1),)).summary.posture.percent == 99
    assert built(tallies=(tally(passed=9_999),)).summary.posture.percent == 100


def test_nothing_checked_is_no_posture() -> None:
    posture = built().summary.posture
    assert (posture.percent, posture.passed, posture.coverage_percent) == (0, 0, 0)


def test_a_check_with_an_unknown_result_is_not_listed_as_good() -> None:
    holding = tally(check_id="A", title="holds", passed=3)
    doubtful = tally(check_id="B", title="doubtful", passed=3, unknown=1)
    idle = tally(check_id="C", title="idle", not_applicable=5)
    (topic,) = built(tallies=(holding, doubtful, idle)).good
    assert (topic.titles, topic.checks_holding, topic.checks_decided) == (("holds",), 1, 2)


def test_gaps_are_grouped_by_reason_and_what_would_decide_them() -> None:
    gaps = [
        NotAssessedInput(check_id=check, target=target, reason=reason, needs="root")
        for check, target, reason in [
            ("A", "h1", "EACCES"),
            ("A", "h2", "EACCES"),
            ("B", "h1", "EACCES"),
            ("A", "h1", "timeout"),
        ]
    ]
    dataset = build_dataset(control(), hosts=[], findings=[], not_assessed=gaps)
    first, second = dataset.not_assessed
    assert (first.reason, first.results, first.checks) == ("EACCES", 3, ("A", "B"))
    assert (second.reason, second.targets) == ("timeout", ("h1",))
    assert dataset.summary.undecided == 4


@pytest.mark.parametrize(
    ("findings", "hosts", "expected"),
    [
        ((), (), "No host has reported: nothing was assessed"),
        ((), ("h1", "h2"), "No check fails on the 2 hosts assessed"),
        (
            (finding(level=5),),
            ("h1",),
            "Very high risk on container web on h1: “{title}” does not hold",
        ),
        (
            (finding(target_kind="host"), finding(target_name="db")),
            ("h1",),
            "Moderate risk on container db on h1 and 1 other target: “{title}” does not hold",
        ),
    ],
)
def test_the_headline_says_the_worst(
    findings: tuple[FindingInput, ...], hosts: tuple[str, ...], expected: str
) -> None:
    told = built(*findings, hosts=hosts).summary.headline
    assert told == expected.format(title="Container has its own PID namespace")


def test_limits_name_hosts_with_less_than_full_rights_and_silent_ones() -> None:
    hosts = [HostInput(name="a", agent_privilege="no root", last_seen=NOW), HostInput(name="b")]
    limits = " ".join(build_dataset(control(), hosts=hosts, findings=[]).limits)
    assert "less than full rights on 1 host" in limits
    assert "1 host in scope never reported" in limits


def test_a_host_whose_facts_are_here_has_reported() -> None:
    host = HostInput(name="local", oldest_fact_at=NOW)
    dataset = build_dataset(control(), hosts=[host], findings=[])
    assert dataset.hosts[0].last_seen == "2026-11-23T16:04:00Z"
    assert "never reported" not in " ".join(dataset.limits)


def test_times_are_printed_in_utc_and_need_a_zone() -> None:
    berlin = timezone(timedelta(hours=1))
    moment = datetime(2026, 11, 23, 1, 0, tzinfo=berlin)
    dataset = build_dataset(control(generated_at=moment), hosts=[], findings=[])
    assert dataset.control.generated_at == "2026-11-23T00:00:00Z"
    with pytest.raises(ValueError, match="no zone"):
        build_dataset(control(generated_at=moment.replace(tzinfo=None)), hosts=[], findings=[])


@pytest.mark.parametrize("number", [0, 6, -1])
@pytest.mark.parametrize("field", ["level", "likelihood", "impact"])
def test_a_level_outside_one_to_five_is_refused(field: str, number: int) -> None:
    with pytest.raises(ValueError, match="not a level"):
        built(finding(**{field: number}))


def test_an_unknown_scoring_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="scoring mode"):
        build_dataset(control(scoring_mode="lenient"), hosts=[], findings=[])


def test_the_canonical_bytes_are_plain_sorted_json() -> None:
    dataset = sample_dataset(findings=20, hosts=2)
    parsed = json.loads(dataset.canonical_bytes())
    again = json.dumps(parsed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert again.encode() == dataset.canonical_bytes()
    assert parsed["schema"] == "underpin/report/1"


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    dataset = built(finding(target_name="a\ud800b"))
    assert json.loads(dataset.canonical_bytes())["findings"][0]["target_name"] == "a\ufffdb"


def test_the_sample_is_the_same_every_time() -> None:
    assert sample_dataset(findings=30).digest() == sample_dataset(findings=30).digest()
    assert sample_dataset(findings=30).digest() != sample_dataset(findings=31).digest()
