"""131 hostile bodies at every endpoint that takes one: never a 5xx, nothing changed, lists whole.

The status of each is a committed file, compared on SQLite and on PostgreSQL: the two must agree.
After a deliberate change: ``UNDERPIN_WRITE_STATUSES=1 pytest <this file>``.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from agents.models import Blob, Container, Host, HostSection
from assessments.models import Finding, Report
from tests.security.hostile_bodies import BODIES, Body
from tests.support.joined import Estate, enrolled_agent, make_estate
from tests.support.wire_agent import WireAgent
from workbench.core.models import Role, WorkItem

STATUSES = Path(__file__).parent / "hostile_statuses.json"
TABLES = (Host, HostSection, Container, Blob, Finding, Report, WorkItem)
LISTS = ("api:host-list", "api:container-list", "api:finding-list", "api:report-list", "hosts")

Send = Callable[[Body], HttpResponse]


def as_agent(path: str, agent: WireAgent) -> Send:
    def send(body: Body) -> HttpResponse:
        headers = {"Authorization": agent.authorization(), **body.headers}
        return Client().generic("POST", path, body.raw, body.content_type, headers=headers)

    return send


def as_person(path: str, client: Client, *, method: str = "POST") -> Send:
    def send(body: Body) -> HttpResponse:
        return client.generic(method, path, body.raw, body.content_type, headers=body.headers)

    return send


def endpoints(estate: Estate, agent: WireAgent) -> dict[str, Send]:
    """Every endpoint that takes a body, as somebody who may use it."""
    member = estate.browser(Role.ADMIN)
    found = {
        f"ingest {name}": as_agent(f"/i/v1/{name}", agent)
        for name in ("enrol", "hb", "index", "blobs", "events", "rotate")
    }
    found["api reports"] = as_person(reverse("api:report-list"), member)
    found["page reports"] = as_person(reverse("reports"), member)
    found["page enrol"] = as_person(reverse("enrol"), member)
    found["page api tokens"] = as_person(reverse("api-tokens"), member)
    found["page sign-in"] = as_person(reverse("account_login"), Client())
    found["page workspace"] = as_person(reverse("choose-workspace"), member)
    host = reverse("api:host-detail", kwargs={"pk": agent.host_id})
    found["api host"] = as_person(host, member, method="PATCH")
    found["page hosts assign"] = as_person(reverse("hosts-assign"), member)
    found["page hosts move"] = as_person(reverse("hosts-move"), member)
    found["page agents"] = as_person(reverse("agent-settings"), member)
    found["csp report"] = as_person(reverse("csp-report"), Client())
    return found


def counts() -> dict[str, int]:
    managers = [(table, getattr(table, "unscoped", table._default_manager)) for table in TABLES]
    return {table.__name__: manager.count() for table, manager in managers}


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(600)
def test_no_hostile_body_breaks_or_changes_anything() -> None:
    estate = make_estate()
    agent = enrolled_agent(estate)
    member = estate.browser(Role.ADMIN)
    before = counts()
    statuses: dict[str, dict[str, int]] = {}
    for name, send in endpoints(estate, agent).items():
        statuses[name] = {}
        for body in BODIES:
            response = send(body)
            assert response.status_code < 500, f"{name}: {body.name}: {response.status_code}"
            statuses[name][body.name] = response.status_code
        for route in LISTS:
            assert member.get(reverse(route)).status_code == 200, f"{route} after {name}"
    after = counts()
    for table in ("Host", "HostSection", "Container", "Blob", "Finding"):
        assert after[table] == before[table], table
    accepted = {
        body: status
        for endpoint in ("ingest enrol", "ingest index", "ingest blobs", "api reports")
        for body, status in statuses[endpoint].items()
        if status < 300
    }
    assert after["Report"] - before["Report"] <= len(accepted) + len(BODIES)
    compare(statuses)


def compare(statuses: dict[str, dict[str, int]]) -> None:
    """Equal to the committed file, which both databases share."""
    if os.environ.get("UNDERPIN_WRITE_STATUSES"):
        STATUSES.write_text(json.dumps(statuses, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert statuses == json.loads(STATUSES.read_text(encoding="utf-8"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    [
        "/?q=%00",
        "/hosts/?q=%00",
        "/findings/?level=abc",
        "/findings/?page=99999999999999999999",
        "/hosts/?q=%ed%a0%80",
        "/%00",
        "/hosts/%ff/",
        "/findings/?likelihood=5%00",
        "/findings/?host=x",
        "/api/v1/findings/?min_level=abc",
        "/api/v1/findings/?host=not-an-id",
        "/api/v1/hosts/?page=-1",
        "/api/v1/hosts/?page_size=99999999999",
        "/api/v1/findings/?min_level=%00",
        "/api/v1/checks/%00/",
        "/api/v1/hosts/?q=" + "x" * 5000,
        "/findings/?q=" + "%F0%9F%98%80" * 50,
        "/containers/?page=0",
        "/findings/?check=%27%20OR%201=1--",
        "/api/v1/containers/?host=%ff",
    ],
)
def test_an_odd_address_is_answered(address: str) -> None:
    response = make_estate().browser().get(address)
    assert response.status_code < 500
