"""From stored samples to the document that checks read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agents.models import Host, Sample
from agents.selectors.samples import host_samples, series_of
from tests.support.joined import make_estate

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 8, 12, 30, tzinfo=UTC)
KEY = "0123456789ab"


@pytest.fixture
def host() -> Host:
    return Host.unscoped.create(workspace=make_estate().workspace, name="host-a")


def store(host: Host, age: timedelta, *, key: str = "", **more: Any) -> None:
    plain = {
        "length": 300,
        "span_s": 300.0,
        "boot": "b",
        "start_s": 10**6 - int(age.total_seconds()),
    }
    Sample.objects.create(host=host, key=key, at=NOW - age, **{**plain, **more})


def test_the_newest_window_of_each_key_counts(host: Host) -> None:
    for minutes in (5, 10, 15):
        store(host, timedelta(minutes=minutes), gauges={"x": [minutes]})
        store(host, timedelta(minutes=minutes), key=KEY, gauges={"x": [minutes * 2]})
    found = host_samples(host, now=NOW)
    assert found.newest[""].median("x") == 5
    assert found.newest[KEY].median("x") == 10
    assert [one.median("x") for one in found.recent[""]] == [15, 10, 5]


def test_old_samples_are_no_samples_and_say_how_old(host: Host) -> None:
    assert host_samples(host, now=NOW).reason == "no samples yet"
    store(host, timedelta(minutes=50))
    found = host_samples(host, now=NOW)
    assert (dict(found.newest), found.reason) == ({}, "no sample for 50 minutes")


def test_a_container_that_is_gone_has_no_newest_window(host: Host) -> None:
    store(host, timedelta(minutes=5))
    store(host, timedelta(minutes=30), key=KEY)
    assert set(host_samples(host, now=NOW).newest) == {""}


def test_a_day_is_summed_over_restarts(host: Host) -> None:
    for hours, kills in ((1, 2), (23, 3), (25, 100)):
        store(host, timedelta(hours=hours), key=KEY, kills=kills)
    store(host, timedelta(minutes=5))
    found = host_samples(host, now=NOW)
    assert found.day[KEY]["kills"] == 5
    assert found.seen[KEY] == 3


def test_usual_is_the_same_hour_of_the_last_seven_days(host: Host) -> None:
    store(host, timedelta(minutes=5))
    for days, minutes in ((1, 0), (6, 10), (8, 0), (1, 70)):
        store(host, timedelta(days=days, minutes=minutes), key=KEY, gauges={"x": [days]})
    found = host_samples(host, now=NOW)
    assert [one.median("x") for one in found.usual[KEY]] == [6, 1]


def test_other_hosts_and_lengths_do_not_count(host: Host) -> None:
    other = Host.unscoped.create(workspace=host.workspace, name="host-b")
    store(other, timedelta(minutes=5))
    store(host, timedelta(minutes=5), length=10)
    assert host_samples(host, now=NOW).reason == "no samples yet"


def test_the_number_of_queries_does_not_grow(host: Host, django_assert_num_queries: Any) -> None:
    for number in range(30):
        store(host, timedelta(minutes=5), key=f"{number:012x}")
    with django_assert_num_queries(4):
        host_samples(host, now=NOW)


def test_a_series_is_a_day_in_order_of_time(host: Host) -> None:
    for hours in (30, 3, 20):
        store(host, timedelta(hours=hours), key=KEY, gauges={"cpu_cores": [hours]})
    assert [one.median("cpu_cores") for one in series_of(host, KEY, now=NOW)] == [20, 3]
