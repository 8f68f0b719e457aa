"""How many queries each page takes: the same whatever the size of the workspace."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from agents.models import Container
from assessments.models import Finding
from assessments.services.reports import report_request
from tests.support.estate import Estate, new_estate, replicas

pytestmark = pytest.mark.django_db

# Session, person and membership come first on every page.
SIGNED_IN = 3
QUERIES = {
    "overview": 16,
    "hosts": 8,
    "containers": 4,
    "findings": 3,
    "reports": 2,
    "enrol": 3,
    "enrol-arrivals": 1,
    "api-tokens": 1,
}
# Details of a host read its facts in one transaction: two of these are its savepoint in a test.
DETAIL_QUERIES = {"host": 22, "container": 13, "finding": 3, "report": 1}


@pytest.fixture(params=["small", "large"])
def estate(request: pytest.FixtureRequest) -> Estate:
    made = new_estate("Platform security", now=timezone.now())
    made.host("edge-01")
    report_request(made.caller, title="First", now=made.now)
    if request.param == "large":
        made.host("edge-02", change=replicas(12))
        made.host("edge-03", sample="no-runtime-api")
        for number in range(5):
            report_request(made.caller, title=f"Report {number}", now=made.now)
    return made


@pytest.fixture
def admin(estate: Estate) -> Client:
    client = Client()
    client.force_login(estate.admin.user)
    return client


@pytest.mark.parametrize("name", list(QUERIES))
def test_a_list_takes_a_fixed_number_of_queries(
    name: str,
    admin: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    address = reverse(name)
    with django_assert_num_queries(SIGNED_IN + QUERIES[name]):
        assert admin.get(address).status_code == 200


def test_a_narrowed_list_takes_one_query_more(
    estate: Estate, admin: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    host = str(Container.objects.of(estate.workspace).earliest("first_seen").host_id)
    for name in ("findings", "containers"):
        with django_assert_num_queries(SIGNED_IN + QUERIES[name] + 1):
            assert admin.get(reverse(name), {"host": host}).status_code == 200


@pytest.mark.parametrize("name", list(DETAIL_QUERIES))
def test_a_detail_takes_a_fixed_number_of_queries(
    name: str,
    estate: Estate,
    admin: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    container = Container.objects.of(estate.workspace).order_by("-first_seen", "key").first()
    finding = Finding.objects.of(estate.workspace).filter(target_kind="container").first()
    report = report_request(estate.caller, title="One", now=estate.now)
    assert container is not None
    assert finding is not None
    keys = {
        "host": container.host_id,
        "container": container.pk,
        "finding": finding.pk,
        "report": report.pk,
    }
    address = reverse(name, args=[keys[name]])
    with django_assert_num_queries(SIGNED_IN + DETAIL_QUERIES[name]):
        assert admin.get(address).status_code == 200
