"""Resources on the pages of hosts and containers: drawn, as a table, and empty without samples."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Container, Host, Sample
from assessments.selectors.resources import resources_of
from tests.support.estate import Estate, new_estate

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 8, 12, 7, tzinfo=UTC)
CPU = {"cpu_usage_us": [0, 75_000_000], "cpu_periods": [0, 100], "cpu_throttled_periods": [0, 25]}


def store(host: Host, key: str, *, at: datetime, cores: float = 0.9) -> None:
    Sample.objects.create(
        host=host,
        key=key,
        boot="b",
        start_s=int(at.timestamp()),
        length=300,
        at=at,
        span_s=300.0,
        counters=CPU,
        gauges={"cpu_cores": [0.1, 0.2, cores], "memory_current_bytes": [2**20, 2**21, 2**22]},
    )


@pytest.fixture
def estate() -> Estate:
    return new_estate("one", now=timezone.now())


@pytest.fixture
def host(estate: Estate) -> Host:
    return estate.host("web-1")


def test_the_last_day_is_told_in_quarters_and_hours(host: Host) -> None:
    for minutes in (3, 8, 600):
        store(host, "a", at=NOW - timedelta(minutes=minutes))
    found = resources_of(host, "a", now=NOW)
    assert [(one.name, one.latest, one.most) for one in found.trends] == [
        ("CPU", "0.25 cores", "0.90 cores"),
        ("Memory", "2.0 MiB", "4.0 MiB"),
        ("Held back by its CPU limit", "25.0 %", "25.0 %"),
    ]
    assert "3 of 96 quarters" in found.trends[0].svg
    assert [row.at.hour for row in found.hours] == [11, 1]


def test_what_was_not_measured_is_a_gap_and_no_line_at_nought(host: Host) -> None:
    store(host, "a", at=NOW - timedelta(minutes=3))
    svg = resources_of(host, "a", now=NOW).trends[0].svg
    assert [path.count("M") for path in svg.split(' d="')[1:]] == [1, 1]


def test_a_kernel_without_a_counter_has_no_drawing_of_it(host: Host) -> None:
    Sample.objects.create(
        host=host, key="a", start_s=1, length=300, at=NOW, span_s=300.0,
        gauges={"memory_current_bytes": [5]},
    )  # fmt: skip
    assert [one.name for one in resources_of(host, "a", now=NOW).trends] == ["Memory"]


def test_samples_of_others_are_not_drawn(host: Host, estate: Estate) -> None:
    store(estate.host("web-2"), "a", at=NOW)
    store(host, "b", at=NOW)
    assert resources_of(host, "a", now=NOW).trends == ()


def test_the_pages_show_it(host: Host, estate: Estate, client: Client) -> None:
    client.force_login(
        estate.admin.user, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    container = Container.objects.of(estate.workspace).filter(state="running").first()
    assert container is not None
    empty = client.get(f"/containers/{container.pk}/").content.decode()
    assert "Nothing was measured of this container" in empty
    store(host, container.key, at=timezone.now() - timedelta(minutes=6))
    store(host, "", at=timezone.now() - timedelta(minutes=6))
    full = client.get(f"/containers/{container.pk}/").content.decode()
    assert "Held back by its CPU limit, last 24 hours" in full
    assert "style=" not in full.split('id="resources"')[1].split("</section>")[0]
    assert "As a table" in full
    assert "Nothing was measured of this host" in client.get(f"/hosts/{host.pk}/").content.decode()
