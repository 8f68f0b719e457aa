"""Every page: for members, against everybody else, against foreign ids and hostile names."""

import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Container, EnrolmentToken, Host
from assessments.models import Finding
from assessments.services.reports import report_request
from tests.support.estate import Estate, new_estate
from workbench.core.models import ApiToken, Membership, Role

pytestmark = pytest.mark.django_db

LISTS = ("overview", "hosts", "containers", "findings", "reports", "api-tokens")
ADMIN_PAGES = ("enrol", "enrol-arrivals")
DETAILS = ("host", "container", "finding", "report")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def estate() -> Estate:
    return new_estate("Platform security", now=timezone.now())


def client_of(member: Membership) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def ids_of(estate: Estate) -> dict[str, uuid.UUID]:
    """One id per detail page of an estate with one host and one report."""
    host = estate.host("edge-07")
    report = report_request(estate.caller, title="Quarterly", now=estate.now)
    container = Container.objects.of(estate.workspace).order_by("key").first()
    finding = Finding.objects.of(estate.workspace).order_by("-level", "pk").first()
    assert container is not None
    assert finding is not None
    return {"host": host.pk, "container": container.pk, "finding": finding.pk, "report": report.pk}


@pytest.mark.parametrize("role", list(Role))
def test_every_member_reads_every_page(estate: Estate, role: Role) -> None:
    client = client_of(estate.member(role))
    ids = ids_of(estate)
    for name in LISTS:
        assert client.get(reverse(name)).status_code == 200, name
    for name in DETAILS:
        assert client.get(reverse(name, args=[ids[name]])).status_code == 200, name


@pytest.mark.parametrize("role", list(Role))
def test_only_an_administrator_adds_hosts(estate: Estate, role: Role) -> None:
    client = client_of(estate.member(role))
    wanted = 200 if role is Role.ADMIN else 403
    for name in ADMIN_PAGES:
        assert client.get(reverse(name)).status_code == wanted, name


@pytest.mark.parametrize("name", [*LISTS, *ADMIN_PAGES])
def test_a_stranger_is_sent_to_sign_in(name: str, client: Client) -> None:
    response = client.get(reverse(name))
    assert response.status_code == 302
    assert response["Location"].startswith(reverse("account_login"))


def test_rows_of_another_workspace_do_not_exist(estate: Estate) -> None:
    other = new_estate("Somebody else", now=estate.now)
    ids = ids_of(other)
    client = client_of(estate.admin)
    for name in (*DETAILS, "report-pdf"):
        answer = client.get(reverse(name, args=[ids[name.removesuffix("-pdf")]]))
        assert answer.status_code == 404, name
        assert client.get(reverse(name, args=[uuid.uuid4()])).status_code == 404, name


def test_lists_hold_nothing_of_another_workspace(estate: Estate) -> None:
    other = new_estate("Somebody else", now=estate.now)
    other.host("foreign-canary", change=lambda doc: rename(doc, "foreign-canary-box"))
    report_request(other.caller, title="foreign-canary report", now=estate.now)
    client = client_of(estate.admin)
    for name in (*LISTS, *ADMIN_PAGES):
        assert "foreign-canary" not in client.get(reverse(name)).text, name
    found = client.get(reverse("findings"), {"host": str(Host.unscoped.get().pk)})
    assert "foreign-canary" not in found.text


def test_tokens_of_others_cannot_be_revoked(estate: Estate) -> None:
    other = new_estate("Somebody else", now=estate.now)
    other.host("edge-07")
    token = EnrolmentToken.unscoped.get()
    mine = ApiToken.objects.create(
        workspace=other.workspace, user=other.admin.user, name="theirs", prefix="aaaaaaaaaaaa"
    )
    client = client_of(estate.admin)
    assert client.post(reverse("revoke-enrolment-token", args=[token.pk])).status_code == 404
    assert client.post(reverse("revoke-api-token", args=[mine.pk])).status_code == 404
    token.refresh_from_db()
    mine.refresh_from_db()
    assert token.revoked_at is None
    assert mine.revoked_at is None


def test_hostile_names_are_shown_as_text(estate: Estate) -> None:
    host = estate.host(HOSTILE, change=poison)
    client = client_of(estate.admin)
    addresses = [reverse(name) for name in (*LISTS, *ADMIN_PAGES)]
    addresses.append(reverse("host", args=[host.pk]))
    containers = Container.objects.of(estate.workspace)
    findings = Finding.objects.of(estate.workspace).order_by("-level", "pk")[:20]
    addresses += [reverse("container", args=[container.pk]) for container in containers]
    addresses += [reverse("finding", args=[finding.pk]) for finding in findings]
    seen = 0
    for address in addresses:
        text = client.get(address).text
        assert "<script>alert" not in text, address
        assert "<img" not in text, address
        seen += "&lt;script&gt;alert(1)" in text
    assert seen > 10


def test_hostile_filters_are_shown_as_text(estate: Estate) -> None:
    estate.host("edge-07")
    client = client_of(estate.admin)
    keys = ("q", "level", "area", "layer", "mechanism", "host", "check", "status", "sort", "page")
    for name in ("hosts", "containers", "findings"):
        for value in (HOSTILE, "9" * 400, "-1", "%", "٣", "' OR 1=1 --"):
            answer = client.get(reverse(name), dict.fromkeys(keys, value))
            assert answer.status_code == 200, (name, value)
            assert "<script>alert" not in answer.text


def test_empty_pages_say_what_to_do_next(estate: Estate) -> None:
    client = client_of(estate.admin)
    told = {
        "overview": "Add the first host",
        "hosts": "Add the first host",
        "containers": "No container has been seen",
        "findings": "Nothing is open",
        "reports": "No report yet",
        "enrol": "Hosts appear here by themselves",
        "api-tokens": "You have no token",
    }
    for name, words in told.items():
        assert words in client.get(reverse(name)).text, name


def rename(document: dict[str, Any], name: str) -> None:
    for container in document["containers"]:
        container["name"] = name


def poison(document: dict[str, Any]) -> None:
    """Put hostile text and wrong types wherever a page prints a fact."""
    rename(document, HOSTILE)
    document["kernel"]["release"] = HOSTILE
    document["host"]["os"] = {"id": HOSTILE, "version": 12}
    document["unknowns"].append({"path": HOSTILE, "reason": HOSTILE, "needs": HOSTILE})
    first, second, *_ = document["containers"]
    first["image_reference"] = HOSTILE
    first["mounts"][2]["host_path"] = HOSTILE
    first["mounts"][2]["sensitive"] = HOSTILE
    first["device_nodes"].append({"path": HOSTILE, "kind": HOSTILE, "standard": False, "type": "c"})
    first["published_ports"][0]["host_address"] = HOSTILE
    first["runtime_sockets"][0]["host_path"] = HOSTILE
    first["capabilities"]["reachable"] = [HOSTILE, 7, None]
    first["security_module"]["label"] = HOSTILE
    second["mounts"] = "none"
    second["limits"] = [1]
    second["namespaces"] = {"pid": 3}
