"""What people do on the pages: add hosts, make and revoke tokens, ask for reports."""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import EnrolmentToken, Host
from agents.services.enrolment import host_enrol
from assessments.models import Report, ReportState
from assessments.services.reports import report_request
from tests.support.estate import PASSWORD, Estate, application, new_estate
from workbench.core.accounts import one_time
from workbench.core.models import ApiToken, AuditEntry, Role

pytestmark = pytest.mark.django_db
TOKEN = {"name": "rack 4", "days": "2", "max_uses": "3"}


@pytest.fixture
def estate() -> Estate:
    return new_estate("Platform security", now=timezone.now())


@pytest.fixture
def admin(estate: Estate) -> Client:
    client = Client()
    client.force_login(estate.admin.user)
    return client


def test_a_token_is_shown_once_and_lets_a_host_in(estate: Estate, admin: Client) -> None:
    text = admin.post(reverse("enrol"), TOKEN).text
    secret = re.search(r"--token (ue_[\w-]+)", text)
    assert secret is not None
    assert secret.group(1) not in admin.get(reverse("enrol")).text
    enrolled = host_enrol(application("edge-09", token=secret.group(1)), now=timezone.now())
    arrivals = admin.get(reverse("enrol-arrivals")).text
    assert "edge-09" in arrivals
    assert reverse("host", args=[enrolled.host.pk]) in arrivals
    assert "1 of 3" in admin.get(reverse("enrol")).text


@pytest.mark.parametrize(
    ("address", "is_told"),
    [("http://10.1.2.3", True), ("https://10.1.2.3", False), ("http://127.0.0.1:8000", False)],
)
def test_the_line_says_when_facts_travel_in_the_clear(
    admin: Client, settings: LazySettings, address: str, is_told: bool
) -> None:
    settings.PUBLIC_URL = address
    text = admin.post(reverse("enrol"), TOKEN).text
    assert f"--server {address}" in text
    assert ("--allow-http" in text) == is_told


def test_a_token_out_of_bounds_is_refused_with_its_field(admin: Client) -> None:
    answer = admin.post(reverse("enrol"), {**TOKEN, "days": "0"})
    assert answer.status_code == 400
    assert "errorlist" in answer.text
    assert not EnrolmentToken.unscoped.exists()


def test_a_revoked_token_stays_in_the_list(estate: Estate, admin: Client) -> None:
    estate.host("edge-01")
    token = EnrolmentToken.unscoped.get()
    address = reverse("revoke-enrolment-token", args=[token.pk])
    assert admin.get(address).status_code == 405
    asked = admin.post(address).text
    assert "Revoke “first”?" in asked
    assert EnrolmentToken.unscoped.get().revoked_at is None
    sure = {"confirmed": "yes"}
    assert "lets no more hosts in" in admin.post(address, sure, follow=True).text
    assert "revoked before" in admin.post(address, sure, follow=True).text
    assert Host.objects.of(estate.workspace).count() == 1


@pytest.mark.parametrize("role", [Role.ANALYST, Role.REVIEWER, Role.REMEDIATION_OWNER])
def test_only_an_administrator_makes_tokens(estate: Estate, role: Role) -> None:
    client = Client()
    client.force_login(estate.member(role).user)
    assert client.post(reverse("enrol"), TOKEN).status_code == 403
    assert not EnrolmentToken.unscoped.exists()


def test_the_agent_is_handed_out_with_the_digest_on_the_page(
    admin: Client, settings: LazySettings, tmp_path: Path
) -> None:
    settings.BASE_DIR = tmp_path
    missing = admin.get(reverse("agent-download"))
    assert missing.status_code == 404
    assert "build.py" in missing.text
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "underpin-agent.pyz").write_bytes(b"PK program")
    wanted = hashlib.sha256(b"PK program").hexdigest()
    answer = Client().get(reverse("agent-download"))
    assert answer.content == b"PK program"
    assert "attachment" in answer["Content-Disposition"]
    assert f"{wanted}  underpin-agent.pyz" in admin.post(reverse("enrol"), TOKEN).text


def test_an_api_token_is_shown_once_works_and_ends(estate: Estate, admin: Client) -> None:
    text = admin.post(reverse("api-tokens"), {"name": "export", "days": "30"}).text
    secret = re.search(r'id="secret">(up_[\w-]+)', text)
    assert secret is not None
    assert secret.group(1) not in admin.get(reverse("api-tokens")).text
    header = {"authorization": f"Bearer {secret.group(1)}"}
    assert Client().get("/api/v1/hosts/", headers=header).status_code == 200
    token = ApiToken.objects.get()
    admin.post(reverse("revoke-api-token", args=[token.pk]))
    assert Client().get("/api/v1/hosts/", headers=header).status_code == 401
    verbs = AuditEntry.objects.of(estate.workspace).values_list("verb", flat=True)
    assert list(verbs) == ["api_token.made", "api_token.revoked"]


def test_a_member_sees_only_their_own_api_tokens(estate: Estate, admin: Client) -> None:
    other = Client()
    other.force_login(estate.member(Role.ANALYST).user)
    other.post(reverse("api-tokens"), {"name": "of the analyst", "days": "30"})
    assert "of the analyst" in other.get(reverse("api-tokens")).text
    assert "of the analyst" not in admin.get(reverse("api-tokens")).text
    assert (
        admin.post(reverse("revoke-api-token", args=[ApiToken.objects.get().pk])).status_code == 404
    )


def test_asking_for_a_report_leads_to_its_progress(estate: Estate, admin: Client) -> None:
    answer = admin.post(reverse("reports"), {"title": "Third quarter"})
    report = Report.objects.of(estate.workspace).get()
    assert answer["Location"] == reverse("report", args=[report.pk])
    text = admin.get(answer["Location"]).text
    assert 'hx-trigger="every 1s"' in text
    assert 'http-equiv="refresh"' in text
    assert admin.get(reverse("report-pdf", args=[report.pk])).status_code == 404


def test_a_remediation_owner_cannot_ask_for_reports(estate: Estate) -> None:
    client = Client()
    client.force_login(estate.member(Role.REMEDIATION_OWNER).user)
    assert "Ask for a report" not in client.get(reverse("reports")).text
    assert client.post(reverse("reports"), {"title": "x"}).status_code == 403


def test_a_finished_report_is_a_file_and_stops_asking(estate: Estate, admin: Client) -> None:
    report = report_request(estate.caller, title='Überblick "Q3"\r\nx', now=estate.now)
    Report.unscoped.filter(pk=report.pk).update(
        state=ReportState.READY, progress=100, pdf=b"%PDF-1.7", pdf_digest="d" * 64
    )
    text = admin.get(reverse("report", args=[report.pk])).text
    assert "every 1s" not in text
    assert "http-equiv" not in text
    answer = admin.get(reverse("report-pdf", args=[report.pk]))
    assert answer.content == b"%PDF-1.7"
    assert answer["Content-Disposition"].startswith(
        "attachment; filename*=utf-8''underpin-report-1"
    )
    assert "\n" not in answer["Content-Disposition"]


def test_a_failed_report_says_why(estate: Estate, admin: Client) -> None:
    report = report_request(estate.caller, title="x", now=estate.now)
    Report.unscoped.filter(pk=report.pk).update(state=ReportState.FAILED, error="out of memory")
    text = admin.get(reverse("report", args=[report.pk])).text
    assert "out of memory" in text
    assert "every 1s" not in text


def test_people_sign_in_and_out_on_pages_of_the_product(estate: Estate) -> None:
    client = Client()
    page = client.get(reverse("account_login")).text
    assert 'href="/static/app.css"' in page
    answer = client.post(
        reverse("account_login"), {"login": estate.admin.user.email, "password": PASSWORD}
    )
    assert answer["Location"] == reverse("overview")
    assert client.get(reverse("account_logout")).status_code == 200
    client.post(reverse("account_logout"))
    assert client.get(reverse("overview")).status_code == 302


def test_a_wrong_password_is_refused_with_a_sentence(estate: Estate) -> None:
    answer = Client().post(
        reverse("account_login"), {"login": estate.admin.user.email, "password": "wrong"}
    )
    assert "errorlist" in answer.text


def test_a_link_signs_in_once(estate: Estate) -> None:
    secret = one_time.make(estate.admin.user, now=timezone.now())
    address = reverse("one-time-login", args=[secret])
    client = Client()
    assert "Sign in with this link" in client.get(address).text
    assert client.post(address)["Location"] == reverse("overview")
    assert "does not work any more" in Client().get(address).text


def test_account_pages_wear_the_same_dress(admin: Client) -> None:
    for name in ("mfa_index", "account_change_password", "account_reauthenticate", "account_email"):
        text = admin.get(reverse(name), follow=True).text
        assert 'href="/static/app.css"' in text, name
        assert " style=" not in text, name
        assert "onclick" not in text, name
