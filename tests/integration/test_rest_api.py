"""The REST API: what it shows, what it refuses, and that nothing of another workspace leaks."""

import uuid
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from assessments.models import Finding, Report
from assessments.services.events import REPORT_REQUESTED
from tests.support.joined import Estate, enrolled_agent, make_estate
from workbench.core.access import tokens
from workbench.core.models import AuditEntry, Role, WorkItem
from workbench.core.work import items

pytestmark = pytest.mark.django_db

LISTS = ("host-list", "container-list", "finding-list", "report-list")


def judged_estate(name: str) -> Estate:
    """An estate with one host, one container and the findings that follow."""
    estate = make_estate(name)
    agent = enrolled_agent(estate, name=f"host of {name}")
    container = {"id": "c" * 64, "name": f"web of {name}", "runtime": "docker", "state": "running"}
    posture = {"no_new_privileges": False}
    answer = agent.index(
        {"host": {"facts": {"name": "h"}, "unknowns": []}},
        {"c1": ({"facts": container, "unknowns": []}, {"facts": posture, "unknowns": []})},
        number=1,
    )
    assert answer.status == 200
    items.run_due(clock=timezone.now)
    return estate


@pytest.fixture
def estate() -> Estate:
    return judged_estate("mine")


@pytest.fixture
def api(estate: Estate) -> Client:
    _, text = tokens.make(estate.members[Role.ANALYST], name="t", now=timezone.now(), days=1)
    return Client(headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def stranger() -> Iterator[Estate]:
    return judged_estate("canary-of-the-neighbour")


def test_lists_show_what_was_reported_and_judged(api: Client) -> None:
    hosts = api.get(reverse("api:host-list")).json()
    assert [host["name"] for host in hosts["results"]] == ["host of mine"]
    containers = api.get(reverse("api:container-list")).json()
    assert [row["name"] for row in containers["results"]] == ["web of mine"]
    query = {"check": "SEG-PRV-01", "status": "fail"}
    findings = api.get(reverse("api:finding-list"), query).json()["results"]
    assert [(row["target_name"], row["status"]) for row in findings] == [("web of mine", "fail")]
    assert findings[0]["level_word"] in {"Very low", "Low", "Moderate", "High", "Very high"}
    assert findings[0]["evidence"][0]["observed"] == "false"


def test_findings_come_worst_first(api: Client) -> None:
    rows = api.get(reverse("api:finding-list"), {"page_size": 200}).json()["results"]
    levels = [row["level"] for row in rows]
    assert levels == sorted(levels, reverse=True)


def test_checks_are_listed_with_their_condition(api: Client) -> None:
    checks = api.get(reverse("api:check-list")).json()
    assert len(checks) >= 80
    one = api.get(reverse("api:check-detail", kwargs={"check_id": "SEG-MNT-04"})).json()
    assert one["condition"]
    assert one["remediation"]["general"]


def test_an_absent_check_is_not_found(api: Client) -> None:
    answer = api.get(reverse("api:check-detail", kwargs={"check_id": "NO-SUCH"}))
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", LISTS)
def test_lists_show_nothing_of_a_neighbour(api: Client, stranger: Estate, name: str) -> None:
    Report.unscoped.create(
        workspace=stranger.workspace, number=1, title="canary", requested_at=timezone.now()
    )
    assert b"canary" not in api.get(reverse(f"api:{name}"), {"page_size": 200}).content


def test_ids_of_a_neighbour_answer_like_absent_ones(api: Client, stranger: Estate) -> None:
    foreign = Finding.objects.of(stranger.workspace).exclude(container=None).first()
    assert foreign is not None
    pairs = {
        "host-detail": foreign.host_id,
        "container-detail": foreign.container_id,
        "finding-detail": foreign.pk,
    }
    for name, pk in pairs.items():
        answers = [
            api.get(reverse(f"api:{name}", kwargs={"pk": one})) for one in (pk, uuid.uuid4())
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content


def test_a_filter_by_a_neighbours_host_finds_nothing(api: Client, stranger: Estate) -> None:
    foreign = Finding.objects.of(stranger.workspace).first()
    assert foreign is not None
    answer = api.get(reverse("api:finding-list"), {"host": str(foreign.host_id)})
    assert answer.json()["count"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"min_level": "abc"}, "min_level"),
        ({"min_level": "6"}, "min_level"),
        ({"host": "x"}, "host"),
        ({"status": "bad"}, "status"),
        ({"check": "x" * 300}, "check"),
    ],
)
def test_a_wrong_filter_names_its_field(api: Client, query: dict[str, str], field: str) -> None:
    answer = api.get(reverse("api:finding-list"), query)
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == [field]


def test_a_report_is_asked_for_rendered_and_downloaded(api: Client, estate: Estate) -> None:
    answer = api.post(
        reverse("api:report-list"), {"title": "Quarter"}, content_type="application/json"
    )
    assert answer.status_code == 202
    key = {"pk": answer.json()["id"]}
    assert api.get(reverse("api:report-pdf", kwargs=key)).status_code == 404
    assert WorkItem.objects.get(kind=REPORT_REQUESTED).done_at is None
    items.run_due(clock=timezone.now)
    shown = api.get(reverse("api:report-detail", kwargs=key)).json()
    assert (shown["state"], shown["progress"], shown["error"]) == ("ready", 100, "")
    pdf = api.get(reverse("api:report-pdf", kwargs=key))
    assert pdf["Content-Type"] == "application/pdf"
    assert "attachment" in pdf["Content-Disposition"]
    assert pdf.content.startswith(b"%PDF-")
    assert AuditEntry.objects.of(estate.workspace).filter(verb="report.requested").count() == 1


def test_a_report_with_an_unknown_field_is_refused(api: Client) -> None:
    answer = api.post(reverse("api:report-list"), {"tilte": "x"}, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["error"]["fields"] == {"tilte": "unknown field"}


def test_the_documentation_page_lists_every_operation(estate: Estate) -> None:
    page = estate.browser().get(reverse("api:docs"))
    assert page.status_code == 200
    for path in ("/api/v1/hosts/", "/api/v1/findings/{id}/", "/api/v1/reports/"):
        assert path in page.content.decode()
    assert "<script>" not in page.content.decode()


def test_the_committed_openapi_file_is_what_the_code_says() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    written = OpenApiYamlRenderer().render(schema, renderer_context={}).decode()
    assert written == (settings.BASE_DIR / "docs" / "openapi.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_lists_take_a_fixed_number_of_queries(
    api: Client, estate: Estate, name: str, django_assert_max_num_queries
) -> None:
    api.get(reverse(f"api:{name}"))
    with django_assert_max_num_queries(4):  # token, membership, count, rows
        api.get(reverse(f"api:{name}"))
