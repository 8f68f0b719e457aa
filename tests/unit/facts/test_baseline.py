"""What is usual, and who suffers from whom: pure functions over windows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.facts.baseline import (
    add_baselines,
    aggressor_correlation,
    correlation,
    is_victim,
    robust_z,
    z_of,
)
from agents.facts.reading import MissingFact
from agents.facts.samples import HostSamples, SampleWindow
from agents.facts.unknowns import Unknowns

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def window(
    key: str, number: int, *, stalled: float = 0.0, held: int = 0, **gauges: float
) -> SampleWindow:
    """Five minutes; ``stalled`` is the share of time under processor pressure."""
    return SampleWindow(
        key=key,
        at=NOW + timedelta(seconds=300 * number),
        span_s=300.0,
        place=("boot", 300 * number),
        counters={
            "pressure.cpu_some": [0, int(stalled * 300e6)],
            "cpu_periods": [0, 1_000],
            "cpu_throttled_periods": [0, held],
        },
        gauges={name: [value] for name, value in gauges.items()},
    )


def usual(key: str, gauge: str, values: list[float]) -> list[SampleWindow]:
    return [window(key, -number, **{gauge: value}) for number, value in enumerate(values, 1)]


def test_the_distance_is_in_robust_deviations() -> None:
    assert robust_z(120.0, [90.0, 100.0, 110.0], floor=1.0) == pytest.approx(20 / 14.826, abs=0.01)


def test_one_outlier_does_not_spoil_the_usual() -> None:
    calm = [100.0 + number for number in range(9)]
    assert robust_z(160.0, [*calm, 100_000.0], floor=1.0) > 10


def test_a_constant_series_has_the_floor_as_its_spread() -> None:
    assert robust_z(25.0, [5.0] * 20, floor=10.0) == 2.0


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0], 1.0),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], -1.0),
        ([1.0, 1.0, 1.0], [3.0, 2.0, 1.0], 0.0),
    ],
)
def test_correlation(first: list[float], second: list[float], expected: float) -> None:
    assert correlation(first, second) == expected


def test_too_few_usual_windows_are_unknown_not_normal() -> None:
    samples = HostSamples(
        newest={"a": window("a", 0, refaults_rate=500.0)},
        usual={"a": usual("a", "refaults_rate", [1.0] * 5)},
    )
    with pytest.raises(MissingFact):
        z_of(samples, "a", "refaults_rate")


def suffering(count: int, *, stalled: float = 0.5, held: int = 0, wait: float = 0.6) -> HostSamples:
    """Five windows, the last ``count`` of them bad."""
    calm = [window("v", number, stalled=0.0) for number in range(5 - count)]
    bad = [
        window("v", 5 - count + number, stalled=stalled, held=held, cpu_wait_ratio=wait)
        for number in range(count)
    ]
    history = usual("v", "cpu_wait_ratio", [0.02] * 20)
    return HostSamples(recent={"v": calm + bad}, usual={"v": history})


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (suffering(3), True),
        (suffering(2), False),
        (suffering(3, stalled=0.1), False),
        (suffering(3, held=100), False),  # it waits for itself
        (suffering(3, wait=0.1), False),
    ],
)
def test_the_rule_for_victims(samples: HostSamples, expected: bool) -> None:
    assert is_victim(samples, "v") is expected


def test_pressure_without_thread_counts_is_unknown_not_fine() -> None:
    windows = [window("v", number, stalled=0.5) for number in range(5)]
    with pytest.raises(MissingFact):
        is_victim(HostSamples(recent={"v": windows}), "v")


def crowd(use: list[float], stall: list[float]) -> HostSamples:
    mine = [window("a", number, cpu_cores=one) for number, one in enumerate(use)]
    theirs = [window("v", number, stalled=one) for number, one in enumerate(stall)]
    return HostSamples(recent={"a": mine, "v": theirs})


WAVE = [0.1, 0.9] * 10


def test_use_that_moves_with_a_victims_waiting_correlates() -> None:
    samples = crowd([one * 2 for one in WAVE], WAVE)
    assert aggressor_correlation(samples, "a", ["v"], lambda _key: True) == 1.0


@pytest.mark.parametrize(("victims", "shared"), [([], True), (["v"], False), (["a"], True)])
def test_nobody_to_disturb_is_no_correlation(victims: list[str], shared: bool) -> None:
    samples = crowd([one * 2 for one in WAVE], WAVE)
    assert aggressor_correlation(samples, "a", victims, lambda _key: shared) == 0.0


def test_less_than_half_a_core_disturbs_nobody() -> None:
    samples = crowd([one / 3 for one in WAVE], WAVE)
    assert aggressor_correlation(samples, "a", ["v"], lambda _key: True) == 0.0


def test_too_few_common_windows_are_unknown() -> None:
    with pytest.raises(MissingFact):
        aggressor_correlation(crowd([2.0] * 4, WAVE[:4]), "a", ["v"], lambda _key: True)


def test_a_baseline_is_ready_after_a_day_of_windows() -> None:
    for seen, ready in ((287, False), (288, True)):
        containers: list[dict[str, Any]] = [{"key": "v"}]
        unknowns = Unknowns()
        samples = suffering(3)
        told = HostSamples(
            newest={"v": samples.recent["v"][-1]},
            recent=samples.recent,
            usual=samples.usual,
            seen={"v": seen},
        )
        add_baselines(containers, told, unknowns=unknowns)
        assert containers[0]["baseline"]["ready"] is ready
        assert ("victim" in containers[0]["baseline"]) is ready
        assert unknowns.reason_for("containers[].baseline.refaults_z", scope=("container", "v"))
