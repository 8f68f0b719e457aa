"""Keys that follow one another: announced, used, over; and the ways in which that goes wrong."""

import hashlib
import secrets
import uuid
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, TestCase
from django.utils import timezone

from agents.live.store import live_store
from agents.models import Agent, Host
from agents.services.agent_tokens import tag_for
from agents.services.rotation import agent_rotation_ask
from tests.support.joined import Estate, client_post, enrolled_agent, enrolment_secret, make_estate
from tests.support.wire_agent import WireAgent
from workbench.core.errors import Conflict
from workbench.core.models import AuditEntry

pytestmark = pytest.mark.django_db
KERNEL = {"facts": {"release": "6.1.0"}, "unknowns": []}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    agent = enrolled_agent(estate)
    agent.heartbeat()
    return agent


def successor(agent: WireAgent, secret: bytes | None = None) -> WireAgent:
    """The agent with the key that it announces here; ``agent`` keeps the present one."""
    secret = secret or secrets.token_bytes(32)
    answer = agent.rotate(secret)
    assert answer.status == 200, answer
    after = copy(agent)
    after.secret, after.tag = secret, answer.body["tag"]
    return after


def beats(*agents: WireAgent) -> list[int]:
    for one in agents:
        one.number = max(other.number for other in agents) + 1
    return [one.heartbeat().status for one in agents]


def pass_a_day() -> None:
    """Let the announcement lie a day and a minute back, for the store too."""
    for row in Agent.objects.exclude(next_at=None):
        Agent.objects.filter(pk=row.pk).update(next_at=row.next_at - timedelta(hours=24, minutes=1))
        live_store().forget(row.pk)


def test_both_keys_hold_until_the_first_use_of_the_new_one(agent: WireAgent) -> None:
    after = successor(agent)
    assert beats(agent, agent) == [204, 204]
    assert agent.index({"kernel": KERNEL}, number=1).status == 200
    assert after.heartbeat().status == 200  # the facts are new, the key holds
    assert beats(agent, after) == [401, 200]
    assert agent.index({"kernel": KERNEL}, number=2).body["e"] == "unknown"
    assert after.index({"kernel": KERNEL}, number=2).status == 200


@pytest.mark.parametrize("first", ["heartbeat", "index", "rotate"])
def test_any_use_of_the_new_key_ends_the_old_one(agent: WireAgent, first: str) -> None:
    after = successor(agent)
    if first == "heartbeat":
        after.heartbeat()
    if first == "index":
        after.index({"kernel": KERNEL}, number=1)
    if first == "rotate":
        after.rotate(secrets.token_bytes(32))
    assert agent.heartbeat().status == 401
    assert agent.rotate(secrets.token_bytes(32)).status == 401
    row = Agent.objects.get()
    assert row.secret_hash == hashlib.sha256(after.secret).hexdigest()
    assert row.previous_secret_hash == hashlib.sha256(agent.secret).hexdigest()
    assert row.rotated_at is not None


def test_the_same_hash_again_has_the_same_answer(agent: WireAgent, estate: Estate) -> None:
    secret = secrets.token_bytes(32)
    answers = [agent.rotate(secret) for _ in range(3)]
    after = successor(agent, secret)
    after.heartbeat()
    answers.append(after.rotate(secret))
    assert {(one.status, one.body["tag"]) for one in answers} == {(200, after.tag)}
    audit = AuditEntry.objects.of(estate.workspace).filter(verb="agent.key_rotated")
    assert audit.count() == 1


def test_the_old_key_is_dead_after_a_day_even_if_the_new_one_was_never_used(
    agent: WireAgent,
) -> None:
    after = successor(agent)
    pass_a_day()
    assert agent.heartbeat().status == 401
    assert agent.index({"kernel": KERNEL}, number=1).status == 401
    assert beats(after) == [204]


def test_the_store_ends_the_old_key_by_its_own_clock(agent: WireAgent) -> None:
    successor(agent)
    past = int((timezone.now() - timedelta(seconds=5)).timestamp())
    live_store().patch([uuid.UUID(agent.host_id)], now=timezone.now(), next_until=past)
    assert agent.heartbeat().status == 401


def test_announcing_again_and_again_does_not_keep_the_old_key_alive(agent: WireAgent) -> None:
    successor(agent)
    first = Agent.objects.get().next_at
    second = successor(agent)
    assert Agent.objects.get().next_at == first
    pass_a_day()
    assert (agent.rotate(secrets.token_bytes(32)).status, beats(second)) == (401, [204])


def test_rotated_twice_while_replies_were_lost(agent: WireAgent) -> None:
    """The first announcement's reply never came, the agent made another secret."""
    lost, kept = successor(agent), successor(agent)
    assert beats(kept) == [204]
    assert (lost.heartbeat().status, agent.heartbeat().status) == (401, 401)


def test_a_lost_successor_is_replaced_by_enrolling_with_the_old_key(
    agent: WireAgent, estate: Estate
) -> None:
    """The reply with the tag was lost, and a day went by: the old key still proves who it was."""
    Host.unscoped.update(fingerprint="f" * 64)
    successor(agent)
    pass_a_day()
    anew = WireAgent(client_post)
    secret = enrolment_secret(estate.workspace)
    answer = anew.enrol(secret, fingerprint="f" * 64, proof=agent.token())
    assert (answer.status, anew.host_id) == (201, agent.host_id)


def test_a_key_of_another_host_or_workspace_announces_nothing(
    agent: WireAgent, estate: Estate
) -> None:
    for other in (enrolled_agent(estate), enrolled_agent(make_estate("Other"))):
        stolen = copy(agent)
        stolen.host_id = other.host_id
        assert stolen.rotate(secrets.token_bytes(32)).status == 401
    assert set(Agent.objects.values_list("next_secret_hash", flat=True)) == {""}


def test_a_successor_needs_its_tag(agent: WireAgent) -> None:
    after = successor(agent)
    after.tag = agent.tag
    assert after.heartbeat().status == 401


@pytest.mark.parametrize("state", ["revoked", "retired"])
def test_ended_agents_announce_nothing(agent: WireAgent, state: str) -> None:
    if state == "revoked":
        Agent.objects.update(revoked_at=timezone.now())
    else:
        Host.unscoped.update(state="retired")
    status = agent.rotate(secrets.token_bytes(32)).status
    assert status == {"revoked": 401, "retired": 410}[state]
    assert Agent.objects.get().next_secret_hash == ""


# ---- being asked --------------------------------------------------------------------------------


def test_a_key_of_thirty_days_is_asked_for_a_new_one(agent: WireAgent) -> None:
    assert agent.heartbeat().status == 204
    Agent.objects.update(rotated_at=timezone.now() - timedelta(days=30))
    live_store().forget(uuid.UUID(agent.host_id))
    answers = [agent.heartbeat() for _ in range(2)]
    assert [(one.status, one.body) for one in answers] == [(200, {"rot": True})] * 2
    after = successor(agent)
    assert [after.heartbeat().status for _ in range(2)] == [204, 204]


def test_a_key_of_29_days_is_left_alone(agent: WireAgent) -> None:
    Agent.objects.update(rotated_at=timezone.now() - timedelta(days=29))
    live_store().forget(uuid.UUID(agent.host_id))
    assert agent.heartbeat().status == 204


def test_a_person_asks_for_a_new_key_at_once(
    agent: WireAgent, estate: Estate, django_assert_num_queries: Any
) -> None:
    host = Host.unscoped.get()
    with TestCase.captureOnCommitCallbacks(execute=True):
        agent_rotation_ask(estate.caller(), host, now=timezone.now())
    with django_assert_num_queries(0):
        assert agent.heartbeat().body == {"rot": True}
    with pytest.raises(Conflict):
        agent_rotation_ask(estate.caller(), host, now=timezone.now())
    assert successor(agent).heartbeat().status == 204
    verbs = AuditEntry.objects.of(estate.workspace).values_list("verb", flat=True)
    assert {"agent.rotation_asked", "agent.key_rotated"} <= set(verbs)


def test_a_stranger_asks_nothing_of_the_host(agent: WireAgent) -> None:
    stranger = make_estate("Other").caller()
    with pytest.raises(Conflict):
        agent_rotation_ask(stranger, Host.unscoped.get(), now=timezone.now())


# ---- the server's own key -----------------------------------------------------------------------


def test_tags_of_the_server_key_before_hold_until_that_key_is_dropped(
    agent: WireAgent, settings: Any
) -> None:
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another-key-" * 6
    settings.SECRET_KEY_FALLBACKS = [old]
    assert agent.heartbeat().status == 204
    after = successor(agent)
    assert after.tag == tag_for(uuid.UUID(agent.host_id), hashlib.sha256(after.secret).hexdigest())
    settings.SECRET_KEY_FALLBACKS = []
    assert (agent.heartbeat().status, after.heartbeat().status) == (401, 204)


# ---- cost ---------------------------------------------------------------------------------------


def test_what_a_rotation_costs(agent: WireAgent, django_assert_num_queries: Any) -> None:
    secret = secrets.token_bytes(32)
    with django_assert_num_queries(4):  # agent, announcement, and the ends of the transaction
        agent.rotate(secret)
    after = successor(agent, secret)
    with django_assert_num_queries(7):  # once in 30 days: key and audit entry in a transaction
        assert after.heartbeat().status == 204
    after.heartbeat()  # looks the host up after the change
    with django_assert_num_queries(0):
        assert after.heartbeat().status == 204


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_rotation_is_a_post(agent: WireAgent, method: str) -> None:
    headers = {"Authorization": agent.authorization()}
    assert getattr(Client(), method)("/i/v1/rotate", headers=headers).status_code == 405
