"""The page on which an administrator tells agents what to read and how often."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import AgentConfig
from agents.services.agent_config import agent_config_of, agent_config_set
from agents.web.settings import COLLECTORS
from tests.support.joined import Estate, make_estate
from workbench.core.models import AuditEntry, Role

pytestmark = pytest.mark.django_db
ADDRESS = "agent-settings"


@pytest.fixture
def estate() -> Estate:
    return make_estate()


def send(client: Client, **fields: Any) -> Any:
    return client.post(reverse(ADDRESS), {"collectors": list(COLLECTORS), **fields}, follow=True)


def test_nothing_is_told_until_somebody_says_so(estate: Estate) -> None:
    text = estate.browser().get(reverse(ADDRESS)).text
    assert "Nothing has been told yet" in text
    assert text.count("checked") == len(COLLECTORS)
    assert not AgentConfig.objects.exists()


def test_what_is_sent_is_told_and_shown_again(estate: Estate) -> None:
    left = [name for name in COLLECTORS if name not in {"images", "accounts"}]
    client = estate.browser()
    answer = send(client, interval="300", collectors=left, set_id_scan="on", content_scan="off")
    assert "Agents hear of it" in answer.text
    assert agent_config_of(estate.workspace).values == {
        "interval": 300,
        "collectors": {"images": {"on": False}, "accounts": {"on": False}},
        "options": {"set_id_scan": True, "content_scan": False},
    }
    text = client.get(reverse(ADDRESS)).text
    assert 'value="300"' in text
    assert text.count("checked") == len(left)
    assert text.count("selected") == 2
    entry = AuditEntry.objects.of(estate.workspace).get(verb="agent_config.set")
    assert entry.after["interval"] == 300
    assert send(client).status_code == 200
    assert agent_config_of(estate.workspace).values == {}


def test_what_the_form_does_not_show_stays(estate: Estate) -> None:
    held = {
        "spool_bytes": 1_048_576,
        "collectors": {"images": {"interval": 3_600, "on": False}},
        "options": {"tls_probe": True, "set_id_scan": True},
    }
    agent_config_set(estate.caller(), held, now=timezone.now())
    send(estate.browser(), interval="60")
    assert agent_config_of(estate.workspace).values == {
        "interval": 60,
        "spool_bytes": 1_048_576,
        "collectors": {"images": {"interval": 3_600}},
        "options": {"tls_probe": True},
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"interval": "29"},
        {"interval": "3601"},
        {"interval": "x"},
        {"collectors": ["agent"]},
        {"collectors": ["../x"]},
        {"set_id_scan": "perhaps"},
    ],
)
def test_a_value_out_of_bounds_is_refused(estate: Estate, fields: dict[str, Any]) -> None:
    answer = send(estate.browser(), **fields)
    assert answer.status_code == 400
    assert "errorlist" in answer.text
    assert not AgentConfig.objects.exists()


@pytest.mark.parametrize("role", [Role.ANALYST, Role.REVIEWER, Role.REMEDIATION_OWNER])
def test_only_an_administrator_tells_agents(estate: Estate, role: Role) -> None:
    assert send(estate.browser(role), interval="300").status_code == 403


def test_one_workspace_tells_nothing_to_another(estate: Estate) -> None:
    send(estate.browser(), interval="300")
    assert agent_config_of(make_estate("Neighbour").workspace).values == {}
