"""Samples on the server: taken once whatever is repeated, rolled up, and dropped in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.models import Host, Sample
from agents.services.events import SAMPLES_CHANGED
from agents.services.samples import drop_old, roll_up, samples_take, samples_tend
from tests.support.joined import make_estate
from workbench.core.models import WorkItem

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def host() -> Host:
    return Host.unscoped.create(workspace=make_estate().workspace, name="host-a")


def row(**more: Any) -> dict[str, Any]:
    plain = {
        "k": "0123456789ab",
        "b": "3f2c9a01",
        "at": 10_000,
        "w": 300,
        "d": 298.5,
        "n": 10_330.0,
        "c": {"cpu_usage_us": [1_000, 9_000], "oom_kills": [3]},
        "g": {"cpu_cores": [0.1, 0.2, 0.9], "memory_ratio": [0.4]},
    }
    return {**plain, **more}


def test_the_time_of_a_window_is_the_servers(host: Host) -> None:
    assert samples_take(host, [row()], now=NOW) == 1
    sample = Sample.objects.get()
    assert sample.at == NOW - timedelta(seconds=330)
    assert (sample.key, sample.length, sample.span_s) == ("0123456789ab", 300, 298.5)


def test_the_same_row_again_changes_nothing(host: Host) -> None:
    samples_take(host, [row()], now=NOW)
    again = row(n=10_390.0, c={"cpu_usage_us": [0, 77]})
    samples_take(host, [again, again], now=NOW + timedelta(minutes=1))
    assert Sample.objects.get().counters["cpu_usage_us"] == [1_000, 9_000]


def test_windows_of_another_boot_or_length_are_others(host: Host) -> None:
    samples_take(host, [row(), row(b="ffffffff"), row(w=10), row(k="")], now=NOW)
    assert Sample.objects.count() == 4


@pytest.mark.parametrize(
    "bad",
    [
        {"w": 60},
        {"k": "../../x"},
        {"at": -1},
        {"d": 0},
        {"d": 1e308},
        {"n": float("inf")},
        {"n": 10_000 + 8 * 86_400},
        {"c": {"Bad Name": [1]}},
        {"c": {"a": [1, 2, 3]}},
        {"c": {"a": [2**63]}},
        {"c": {f"a{number}": [1] for number in range(61)}},
        {"g": {"a": [float("nan")]}},
        {"g": {"a": [True, "x"]}},
        {"q": ["x" * 41]},
        {"q": ["\x00"]},
        {"f": {"relative": [1, 2]}},
        {"f": {"/": [101, 2]}},
        {"k": None},
    ],
)
def test_a_row_that_does_not_fit_is_left_out_alone(host: Host, bad: dict[str, Any]) -> None:
    assert samples_take(host, [row(**bad), "x", None, row(at=10_300)], now=NOW) == 1
    assert Sample.objects.get().start_s == 10_300


def test_unknown_fields_are_ignored(host: Host) -> None:
    assert samples_take(host, [row(later="x")], now=NOW) == 1


def test_an_hour_is_rolled_up_once(host: Host) -> None:
    for number in range(12):
        window = row(
            at=number * 300,
            n=number * 300.0 + 3_600 - number * 300,
            c={
                "cpu_usage_us": [number * 100, number * 100 + 100],
                "oom_kills": [number, number + 1],
            },
            g={"cpu_cores": [0.1, float(number), 20.0]},
        )
        moment = datetime(2026, 3, 1, 10, 0, tzinfo=UTC) + timedelta(seconds=3_600)
        samples_take(host, [window], now=moment)
    now = datetime(2026, 3, 1, 11, 20, tzinfo=UTC)
    assert roll_up(now) == 1
    hour = Sample.objects.get(length=3600)
    assert hour.at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert hour.counters == {"cpu_usage_us": [0, 1_200], "oom_kills": [0, 12]}
    assert hour.gauges == {"cpu_cores": [0.1, 5.5, 20.0]}
    assert hour.kills == 12
    assert samples_tend(now) == 0
    assert Sample.objects.filter(length=3600).count() == 1


def test_an_hour_that_is_not_over_is_left(host: Host) -> None:
    samples_take(host, [row()], now=NOW)
    assert roll_up(NOW + timedelta(minutes=44)) == 0
    assert roll_up(NOW + timedelta(minutes=46)) == 1


def test_a_new_boot_in_an_hour_keeps_its_own_row(host: Host) -> None:
    samples_take(host, [row(), row(b="ffffffff", at=100, n=250.0)], now=NOW)
    roll_up(NOW + timedelta(hours=1))
    assert Sample.objects.filter(length=3600).count() == 2


@pytest.mark.parametrize(("length", "days"), [(10, 1), (300, 30), (3600, 396)])
def test_rows_go_when_their_time_is_over(host: Host, length: int, days: int) -> None:
    for age in (timedelta(days=days, minutes=-1), timedelta(days=days, minutes=1)):
        Sample.objects.create(
            host=host, start_s=age.seconds, length=length, at=NOW - age, span_s=1.0
        )
    drop_old(NOW)
    assert [one.at for one in Sample.objects.all()] == [NOW - timedelta(days=days, minutes=-1)]
    drop_old(NOW)
    assert Sample.objects.count() == 1


@pytest.mark.postgres  # SQLite takes at most 999 values in one statement (sqlite3 limits)
def test_taking_many_rows_takes_few_queries(host: Host, django_assert_max_num_queries: Any) -> None:
    many = [row(k=f"{number:012x}") for number in range(256)]
    with django_assert_max_num_queries(5):
        assert samples_take(host, many, now=NOW) == 256


def test_a_host_cannot_send_without_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.services.samples.MAX_ROWS_AN_HOUR", 2)
    assert samples_take(host, [row(), row(at=10_300)], now=NOW) == 2
    assert samples_take(host, [row(at=10_301)], now=NOW) == 0


def test_the_first_sample_of_an_hour_asks_for_a_judgement(host: Host) -> None:
    def wanted() -> int:
        return WorkItem.objects.filter(kind=SAMPLES_CHANGED, key=str(host.pk)).count()

    samples_take(host, [row()], now=NOW)
    assert wanted() == 0  # a container alone asks for nothing
    samples_take(host, [row(k="")], now=NOW)
    assert wanted() == 1
    WorkItem.objects.all().delete()
    samples_take(host, [row(k="", at=10_300)], now=NOW)
    assert wanted() == 0
    samples_take(host, [row(k="", at=13_600, n=13_910.0)], now=NOW + timedelta(hours=1))
    assert wanted() == 1
