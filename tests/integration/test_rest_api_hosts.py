"""Changing hosts through the REST API: who may, what it does, what it refuses."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent, Host
from tests.support.joined import Estate, enrolled_agent, make_estate
from workbench.core.access import tokens
from workbench.core.models import AuditEntry, Role

pytestmark = pytest.mark.django_db
ACTIONS = {"approve": "host-approve", "retire": "host-retire", "revoke": "host-revoke-key"}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def host(estate: Estate) -> Host:
    return Host.unscoped.get(pk=enrolled_agent(estate).host_id)


def api(estate: Estate, role: Role) -> Client:
    _, text = tokens.make(estate.members[role], name="t", now=timezone.now(), days=1)
    return Client(headers={"Authorization": f"Bearer {text}"})


def patch(client: Client, host: Host, body: Any) -> Any:
    address = reverse("api:host-detail", kwargs={"pk": host.pk})
    return client.patch(address, body, content_type="application/json")


def test_an_analyst_labels_a_host_and_says_how_critical_it_is(estate: Estate, host: Host) -> None:
    client = api(estate, Role.ANALYST)
    Host.unscoped.update(labels={"old": "x", "env": "test"})
    answer = patch(client, host, {"criticality": "high", "labels": {"env": "prod", "old": None}})
    assert answer.status_code == 200
    assert (answer.json()["criticality"], answer.json()["labels"]) == ("high", {"env": "prod"})
    assert AuditEntry.objects.of(estate.workspace).filter(verb="host.assigned").count() == 1


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.REMEDIATION_OWNER])
def test_a_reader_changes_nothing(estate: Estate, host: Host, role: Role) -> None:
    assert patch(api(estate, role), host, {"criticality": "high"}).status_code == 403
    host.refresh_from_db()
    assert host.criticality == "normal"


@pytest.mark.parametrize("name", list(ACTIONS))
@pytest.mark.parametrize("role", [Role.ANALYST, Role.REVIEWER, Role.REMEDIATION_OWNER])
def test_only_an_administrator_moves_a_host(
    estate: Estate, host: Host, role: Role, name: str
) -> None:
    address = reverse(f"api:{ACTIONS[name]}", kwargs={"pk": host.pk})
    assert api(estate, role).post(address).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"criticality": "highest"}, "criticality"),
        ({"state": "retired"}, "state"),
        ({"labels": {"a b": "x"}}, "labels"),
        ({"labels": {"criticality": "highest"}}, "labels"),
        ({"labels": ["env"]}, "labels"),
        ({"labels": {"env": {"x": 1}}}, "labels"),
    ],
)
def test_a_change_that_cannot_be_names_its_field(
    estate: Estate, host: Host, body: Any, field: str
) -> None:
    answer = patch(api(estate, Role.ADMIN), host, body)
    assert answer.status_code == 400, answer.content
    assert list(answer.json()["error"]["fields"]) == [field]
    host.refresh_from_db()
    assert (host.labels, host.criticality, host.state) == ({}, "normal", "active")


def test_a_host_is_approved_revoked_and_retired(estate: Estate, host: Host) -> None:
    client = api(estate, Role.ADMIN)
    Host.unscoped.update(state="pending")
    states = []
    for name in ("approve", "revoke", "retire"):
        address = reverse(f"api:{ACTIONS[name]}", kwargs={"pk": host.pk})
        answer = client.post(address, content_type="application/json")
        assert answer.status_code == 200
        states.append(answer.json()["state"])
        again = client.post(address, content_type="application/json")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")
    assert states == ["active", "active", "retired"]
    assert Agent.objects.get(host=host).revoked_at is not None
    assert client.get(reverse("api:host-list")).json()["count"] == 0
    assert client.get(reverse("api:host-list"), {"state": "retired"}).json()["count"] == 1


def test_a_host_of_a_neighbour_answers_like_an_absent_one(estate: Estate, host: Host) -> None:
    client = api(make_estate("Neighbour"), Role.ADMIN)
    absent = Host(pk="00000000-0000-4000-8000-000000000000")
    answers = [patch(client, one, {"criticality": "high"}) for one in (host, absent)]
    for name in ACTIONS.values():
        places = [reverse(f"api:{name}", kwargs={"pk": one.pk}) for one in (host, absent)]
        answers += [client.post(one, content_type="application/json") for one in places]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    host.refresh_from_db()
    assert (host.criticality, host.state) == ("normal", "active")
