"""What a workspace tells its agents: within bounds, fetched by name; and how replies look."""

import hashlib
import uuid
from typing import Any

import pytest
from django.test import Client, TestCase
from django.utils import timezone

from agents.live.store import live_store
from agents.models import AgentConfig, EnrolmentToken, Host
from agents.services.agent_config import HeldConfig, agent_config_of, agent_config_set
from tests.support.joined import Estate, client_post, enrolled_agent, enrolment_secret, make_estate
from tests.support.wire_agent import WireAgent
from workbench.core.errors import Invalid
from workbench.core.models import AuditEntry

pytestmark = pytest.mark.django_db
EVERYTHING = {
    "interval": 300,
    "collectors": {"packages": {"on": False}, "images": {"on": True, "interval": 86_400}},
    "events": {"login.failed": False},
    "fold_seconds": 60,
    "spool_bytes": 16_777_216,
    "labels": {"env": "prod"},
    "options": {"set_id_scan": True, "tls_probe": False},
    "sysctls": ["net.ipv4.ip_forward", "kernel.kptr_restrict"],
}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    return enrolled_agent(estate)


def told(estate: Estate, values: dict[str, Any]) -> HeldConfig:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return agent_config_set(estate.caller(), values, now=timezone.now())


def fetch(agent: WireAgent, *, etag: str = "", path: str = "config") -> Any:
    headers = {"Authorization": agent.authorization()}
    if etag:
        headers["If-None-Match"] = f'"{etag}"'
    return Client().get(f"/i/v1/{path}", headers=headers)


# ---- telling ------------------------------------------------------------------------------------


def test_agents_hear_of_a_change_with_their_next_heartbeat(
    agent: WireAgent, estate: Estate, django_assert_num_queries: Any
) -> None:
    assert agent.heartbeat(c="").status == 204
    held = told(estate, EVERYTHING)
    with django_assert_num_queries(0):
        assert agent.heartbeat(c="").body == {"c": held.etag}
        assert agent.heartbeat(c="0123abcd").body == {"c": held.etag}
        assert agent.heartbeat(c=held.etag).status == 204
        assert agent.heartbeat().status == 204  # an agent that knows of no configuration


def test_a_store_that_forgot_learns_it_from_the_database(agent: WireAgent, estate: Estate) -> None:
    held = told(estate, EVERYTHING)
    live_store().drop(uuid.UUID(agent.host_id))
    assert agent.heartbeat(c="").body == {"c": held.etag}


def test_other_workspaces_hear_nothing(agent: WireAgent, estate: Estate) -> None:
    stranger = enrolled_agent(make_estate("Other"))
    stranger.heartbeat(c="")
    told(estate, EVERYTHING)
    assert stranger.heartbeat(c="").status == 204
    assert fetch(stranger).json() == {"etag": "", "config": {}}


def test_the_same_values_have_the_same_name(estate: Estate) -> None:
    first, other = told(estate, {"interval": 60}), told(estate, {"interval": 61})
    again = told(estate, {"interval": 60})
    assert first.etag == again.etag != other.etag
    assert AgentConfig.objects.count() == 1


# ---- fetching -----------------------------------------------------------------------------------


def test_an_agent_fetches_what_it_was_told_of(
    agent: WireAgent, estate: Estate, django_assert_num_queries: Any
) -> None:
    held = told(estate, EVERYTHING)
    with django_assert_num_queries(2):
        answer = fetch(agent)
    assert answer.json() == {"etag": held.etag, "config": EVERYTHING}
    assert answer["ETag"] == f'"{held.etag}"'
    with django_assert_num_queries(2):
        same = fetch(agent, etag=held.etag)
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", f'"{held.etag}"')
    assert fetch(agent, etag="0123abcd").status_code == 200


def test_nothing_set_is_an_empty_configuration(agent: WireAgent) -> None:
    assert fetch(agent).json() == {"etag": "", "config": {}}


def test_a_waiting_host_may_fetch_and_a_stranger_may_not(estate: Estate) -> None:
    agent = WireAgent(client_post)
    secret = enrolment_secret(estate.workspace)
    EnrolmentToken.unscoped.update(mode="approve")
    assert agent.enrol(secret).status == 202
    assert fetch(agent).status_code == 200
    assert Client().get("/i/v1/config").status_code == 401
    Host.unscoped.update(state="retired")
    assert fetch(agent).status_code == 410


# ---- bounds -------------------------------------------------------------------------------------

WRONG = {
    "interval too short": {"interval": 29},
    "interval too long": {"interval": 3_601},
    "interval is a text": {"interval": "60"},
    "interval is a flag": {"interval": True},
    "interval is a fraction": {"interval": 60.5},
    "collector too often": {"collectors": {"os": {"interval": 59}}},
    "collector too rarely": {"collectors": {"os": {"interval": 86_401}}},
    "collector with a path": {"collectors": {"os": {"path": "/etc"}}},
    "collector named as a path": {"collectors": {"../os": {"on": True}}},
    "collector switched by a word": {"collectors": {"os": {"on": "yes"}}},
    "event kind by a number": {"events": {"login": 1}},
    "fold of zero": {"fold_seconds": 0},
    "spool too small": {"spool_bytes": 262_143},
    "spool too large": {"spool_bytes": 268_435_457},
    "label that is no text": {"labels": {"env": 1}},
    "label with a line break": {"labels": {"env": "a\nb"}},
    "too many labels": {"labels": {f"k{number}": "v" for number in range(33)}},
    "option nobody knows": {"options": {"shell": True}},
    "sysctl that climbs": {"sysctls": ["../../etc/shadow"]},
    "sysctl with a slash": {"sysctls": ["net/ipv4"]},
    "sysctl of dots": {"sysctls": ["a..b"]},
    "sysctl ending in a line break": {"sysctls": ["a.b\n"]},
    "a command": {"command": "id"},
    "an address": {"url": "https://example.org"},
    "a path": {"paths": ["/etc"]},
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_agents_would_refuse_is_not_told(estate: Estate, fault: str) -> None:
    good = told(estate, {"interval": 60})
    with pytest.raises(Invalid):
        agent_config_set(estate.caller(), WRONG[fault], now=timezone.now())
    assert agent_config_of(estate.workspace) == good


def test_a_change_leaves_its_entry(estate: Estate) -> None:
    told(estate, {"interval": 60})
    told(estate, {"interval": 120})
    entries = AuditEntry.objects.of(estate.workspace).filter(verb="agent_config.set")
    last = entries.order_by("number").last()
    assert last is not None
    assert (last.before, last.after) == ({"interval": 60}, {"interval": 120})
    assert last.actor.endswith("@example.org")


# ---- the program, and what every reply is like ---------------------------------------------------


def test_the_newest_program_is_told_without_a_query(
    agent: WireAgent, settings: Any, tmp_path: Any, django_assert_num_queries: Any
) -> None:
    settings.BASE_DIR, settings.PUBLIC_URL = tmp_path, "https://underpin.example.org/"
    assert fetch(agent, path="agent/latest").status_code == 404
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "underpin-agent.pyz").write_bytes(b"a program")
    with django_assert_num_queries(0):
        answer = fetch(agent, path="agent/latest").json()
    assert answer["sha256"] == hashlib.sha256(b"a program").hexdigest()
    assert answer["url"] == "https://underpin.example.org/agent/underpin-agent.pyz"
    assert Client().get("/i/v1/agent/latest").status_code == 401


def test_too_old_a_protocol_is_told_the_oldest_that_is_served(agent: WireAgent) -> None:
    answer = agent.heartbeat(v=0)
    assert (answer.status, answer.body["e"], answer.body["min"]) == (426, "upgrade", 1)


def test_fields_of_newer_agents_are_ignored(agent: WireAgent) -> None:
    assert agent.heartbeat(v=9, shiny={"a": [1]}).status == 204


def test_replies_carry_nothing_decorative(agent: WireAgent, estate: Estate) -> None:
    held = told(estate, EVERYTHING)
    headers = {"Authorization": agent.authorization()}
    beat = b'{"v":1,"b":"00000000","n":5,"d":"","c":""}'
    replies = {
        "hb": Client().post("/i/v1/hb", beat, content_type="application/json", headers=headers),
        "config": fetch(agent),
        "config held": fetch(agent, etag=held.etag),
        "refused": Client().get("/i/v1/config"),
        "unknown": Client().get("/i/v1/nowhere"),
    }
    for name, reply in replies.items():
        assert set(reply.headers) <= {"Content-Type", "ETag"}, name
        assert not reply.cookies, name
    assert replies["hb"].content == b'{"c":"%s"}' % held.etag.encode()
