"""Likelihood, impact, level and posture, as NIST SP 800-30 r1 prints them."""

from datetime import UTC, datetime, timedelta

import pytest

from assessments.engine.check import Check, Status, TargetKind
from assessments.engine.outcome import Adjustment, AdjustmentState
from assessments.scoring.adjust import Criticality, score
from assessments.scoring.levels import Level, clipped, level_at
from assessments.scoring.nist import Mode, overall_likelihood, risk_level
from assessments.scoring.order import order_key
from assessments.scoring.posture import Posture, merged, posture, posture_by_area

APPLIED = AdjustmentState.APPLIED
# The published cells, one by one: row, then impact from very low to very high.
G5 = {
    5: (2, 3, 4, 5, 5),
    4: (2, 3, 3, 4, 5),
    3: (2, 2, 3, 3, 4),
    2: (1, 2, 2, 3, 3),
    1: (1, 1, 2, 2, 2),
}
I2 = {
    5: (1, 2, 3, 4, 5),
    4: (1, 2, 3, 4, 5),
    3: (1, 2, 3, 3, 4),
    2: (1, 2, 2, 2, 3),
    1: (1, 1, 1, 2, 2),
}
CELLS = [(row, column) for row in range(1, 6) for column in range(1, 6)]


@pytest.mark.parametrize(("initiation", "impact"), CELLS)
def test_every_cell_of_table_g5(initiation: int, impact: int) -> None:
    found = overall_likelihood(Level(initiation), impact=Level(impact), mode=Mode.STANDARD)
    assert found == G5[initiation][impact - 1]


@pytest.mark.parametrize(("likelihood", "impact"), CELLS)
def test_every_cell_of_table_i2(likelihood: int, impact: int) -> None:
    assert risk_level(Level(likelihood), impact=Level(impact)) == I2[likelihood][impact - 1]


@pytest.mark.parametrize(("initiation", "impact"), CELLS)
def test_strict_mode_never_exceeds_the_initiation(initiation: int, impact: int) -> None:
    found = overall_likelihood(Level(initiation), impact=Level(impact), mode=Mode.STRICT)
    assert found == min(initiation, G5[initiation][impact - 1])


def test_some_cells_differ_between_the_modes() -> None:
    differing = [cell for cell in CELLS if G5[cell[0]][cell[1] - 1] > cell[0]]
    assert differing == [(1, 3), (1, 4), (1, 5), (2, 4), (2, 5), (3, 5), (4, 5)]


def test_levels_have_words_and_values() -> None:
    assert [level.word for level in Level] == ["Very low", "Low", "Moderate", "High", "Very high"]
    assert [level.value_of_ten for level in Level] == [0, 2, 5, 8, 10]


@pytest.mark.parametrize(
    ("value", "level"),
    [(0, 1), (4, 1), (5, 2), (20, 2), (21, 3), (79, 3), (80, 4), (95, 4), (96, 5), (100, 5)],
)
def test_each_bin_has_two_edges(value: int, level: int) -> None:
    assert level_at(value) == level
    assert value in range(Level(level).bin_of_hundred[0], Level(level).bin_of_hundred[1] + 1)


@pytest.mark.parametrize("value", [-1, 101])
def test_a_value_off_the_scale_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="between 0 and 100"):
        level_at(value)


@pytest.mark.parametrize(("value", "level"), [(-3, 1), (0, 1), (1, 1), (5, 5), (6, 5)])
def test_clipping_keeps_to_the_five_levels(value: int, level: int) -> None:
    assert clipped(value) == level


def adjustment(likelihood: int, impact: int, state: AdjustmentState = APPLIED) -> Adjustment:
    return Adjustment("a reason", likelihood, impact, state)


def test_a_score_without_adjusters_is_its_base() -> None:
    found = score(likelihood=4, impact=3)
    assert (found.likelihood, found.impact, found.level, found.steps) == (4, 3, 3, ())


def test_each_step_is_clipped_and_shown_in_order() -> None:
    found = score(
        likelihood=4, impact=5, adjustments=[adjustment(2, 0), adjustment(-1, 0), adjustment(0, 1)]
    )
    shown = [
        (one.likelihood_before, one.likelihood_after, one.impact_before, one.impact_after)
        for one in found.steps
    ]
    assert shown == [(4, 5, 5, 5), (5, 4, 5, 5), (4, 4, 5, 5)]
    assert (found.likelihood, found.impact, found.level) == (4, 5, 5)


def test_an_adjuster_that_is_not_known_is_shown_and_moves_nothing() -> None:
    unknown = adjustment(1, 1, AdjustmentState.NOT_KNOWN)
    absent = adjustment(1, 1, AdjustmentState.NOT_APPLIED)
    found = score(likelihood=2, impact=2, adjustments=[unknown, absent])
    assert (found.likelihood, found.impact) == (2, 2)
    assert [step.state for step in found.steps] == [AdjustmentState.NOT_KNOWN]


@pytest.mark.parametrize(
    ("criticality", "impact"),
    [
        (Criticality.LOW, 3),
        (Criticality.NORMAL, 4),
        (Criticality.HIGH, 5),
        (Criticality.CRITICAL, 5),
    ],
)
def test_the_criticality_of_the_host_moves_the_impact(
    criticality: Criticality, impact: int
) -> None:
    found = score(likelihood=3, impact=4, criticality=criticality)
    assert found.impact == impact
    assert len(found.steps) == (criticality is not Criticality.NORMAL)


@pytest.mark.parametrize("base", [(0, 3), (6, 3), (3, 0), (3, 6)])
def test_a_base_outside_the_scale_is_refused(base: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="not a valid Level"):
        score(likelihood=base[0], impact=base[1])


def check(area: str, impact: int) -> Check:
    return Check(
        id="T",
        title="",
        area=area,
        subarea="",
        layer="",
        mechanism="",
        target=TargetKind.HOST,
        facts=(),
        passes="true",
        impact=impact,
    )


def test_posture_is_weighted_and_unknown_never_counts_as_passed() -> None:
    found = posture(
        [
            (check("a", 5), Status.PASS),
            (check("a", 3), Status.FAIL),
            (check("b", 2), Status.UNKNOWN),
            (check("b", 5), Status.NOT_APPLICABLE),
        ]
    )
    assert found.share == 0.5
    assert found.known_share == 0.8
    counts = (found.pass_count, found.fail_count, found.unknown_count, found.not_applicable_count)
    assert counts == (1, 1, 1, 1)


def test_posture_of_nothing_is_no_number() -> None:
    assert posture([]).share is None
    assert posture([(check("a", 5), Status.NOT_APPLICABLE)]).share is None
    assert posture([(check("a", 5), Status.UNKNOWN)]).share == 0.0


def test_areas_and_hosts_add_up() -> None:
    one = posture_by_area([(check("a", 4), Status.PASS), (check("b", 1), Status.FAIL)])
    two = posture_by_area([(check("a", 2), Status.FAIL)] * 2)
    both = merged([one, two])
    assert both["a"] == Posture(passed=4, failed=4, pass_count=1, fail_count=2)
    assert both["b"].share == 0.0
    assert merged([]) == {}


def test_findings_are_ordered_by_level_product_reach_and_age() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def key(likelihood: int, impact: int, reach: int, days: int) -> tuple[int, int, int, float]:
        return order_key(
            likelihood=Level(likelihood),
            impact=Level(impact),
            level=risk_level(Level(likelihood), impact=Level(impact)),
            reach=reach,
            first_seen=now - timedelta(days=days),
        )

    wanted = [key(5, 5, 0, 0), key(4, 5, 9, 9), key(4, 4, 2, 0), key(4, 4, 1, 9), key(4, 4, 1, 1)]
    assert sorted(wanted) == wanted
    assert len(set(wanted)) == len(wanted)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        order_key(
            likelihood=Level.LOW,
            impact=Level.LOW,
            level=Level.LOW,
            reach=0,
            first_seen=datetime(2026, 1, 1),  # noqa: DTZ001  (the case under test)
        )
