"""Redis is empty or away: heartbeats go on, nothing is sent again, nobody counts as silent."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.live.store import live_store, local_store
from agents.models import Agent, Host, HostLive
from agents.services import heartbeat
from tests.support import process
from tests.support.joined import Estate, enrolled_agent, make_estate
from tests.support.redis import RedisServer
from tests.support.wire_agent import WireAgent

pytestmark = [pytest.mark.django_db, pytest.mark.redis]
KERNEL = {"facts": {"release": "6.1.0"}, "unknowns": []}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    agent = enrolled_agent(estate)
    agent.index({"kernel": KERNEL}, number=1)
    assert beat(agent) == 204
    return agent


@pytest.fixture
def away(agent: WireAgent, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Redis that nobody listens for, met by a process that has just started."""
    monkeypatch.setattr(heartbeat, "flushed", heartbeat.Flushed())
    local_store.cache_clear()
    settings.REDIS_URL = f"redis://127.0.0.1:{process.free_port()}/0"
    live_store.cache_clear()
    yield
    live_store.cache_clear()


def beat(agent: WireAgent) -> int:
    return agent.heartbeat(root=Host.unscoped.get(pk=agent.host_id).facts_root).status


def beat_queries(agent: WireAgent) -> int:
    root = Host.unscoped.get(pk=agent.host_id).facts_root
    with CaptureQueriesContext(connection) as queries:
        assert agent.heartbeat(root=root).status == 204
    return len(queries)


def test_an_emptied_redis_costs_one_query_per_host_and_no_facts(
    estate: Estate, redis_server: RedisServer
) -> None:
    agents = [enrolled_agent(estate, name=f"host-{place}") for place in range(5)]
    for agent in agents:
        agent.index({"kernel": KERNEL}, number=1)
        beat(agent)
    redis_server.flush()
    assert [beat_queries(agent) for agent in agents] == [1] * 5
    assert [beat_queries(agent) for agent in agents] == [0] * 5


def test_without_redis_a_host_is_looked_up_once_a_minute(agent: WireAgent, away: None) -> None:
    first, *others = [beat_queries(agent) for _ in range(6)]
    assert first <= 2  # the look-up, and nothing or the first writing of what was heard
    assert sum(others) <= 1
    assert HostLive.objects.get().last_seen > timezone.now() - timedelta(minutes=1)


def test_without_redis_last_seen_times_are_written(
    agent: WireAgent, away: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    HostLive.objects.update(last_seen=timezone.now() - timedelta(hours=1))
    beat(agent)
    monkeypatch.setattr(heartbeat, "FLUSH_SECONDS", 0.0)
    beat(agent)
    beat(agent)
    assert HostLive.objects.get().last_seen > timezone.now() - timedelta(minutes=1)


def test_without_redis_facts_are_taken_and_asked_for(agent: WireAgent, away: None) -> None:
    assert agent.heartbeat(root="a" * 64).body == {"need": "index"}
    newer = {"kernel": {"facts": {"release": "7"}, "unknowns": []}}
    assert agent.index(newer, number=2).body == {"gen": 2, "need": []}
    assert beat(agent) == 204  # this process has heard of it


@pytest.mark.parametrize(("change", "status"), [("revoked", 401), ("retired", 410), ("twin", 409)])
def test_without_redis_no_rule_is_forgotten(
    agent: WireAgent, away: None, change: str, status: int
) -> None:
    if change == "revoked":
        Agent.objects.update(revoked_at=timezone.now())
    if change == "retired":
        Host.unscoped.update(state="retired")
    if change == "twin":
        agent.heartbeat(b="aaaaaaaa", number=100)
        agent.heartbeat(b="bbbbbbbb", number=200)
        assert agent.heartbeat(b="aaaaaaaa", number=101).status == 409
        assert Host.unscoped.get().state == "forked"
    assert agent.heartbeat(b="bbbbbbbb", number=300).status == status


def test_redis_is_asked_again_only_after_a_pause(
    agent: WireAgent, redis_server: RedisServer
) -> None:
    store = live_store()
    store._pause()  # type: ignore[attr-defined]
    with redis_server.client() as client:
        before = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        assert beat(agent) in {200, 204}
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before
        store._away_until = 0.0  # type: ignore[attr-defined]
        assert beat(agent) == 204
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] == before + 1


def test_a_host_that_was_deleted_costs_one_query_in_five_seconds(agent: WireAgent) -> None:
    Host.unscoped.all().delete()
    live_store().drop(uuid.UUID(agent.host_id))
    with CaptureQueriesContext(connection) as queries:
        assert [agent.heartbeat().status for _ in range(10)] == [401] * 10
    assert len(queries) == 1


def test_a_revoked_key_costs_no_query(agent: WireAgent) -> None:
    Agent.objects.update(revoked_at=timezone.now())
    live_store().forget(uuid.UUID(agent.host_id))
    agent.heartbeat()
    with CaptureQueriesContext(connection) as queries:
        answers = [agent.heartbeat() for _ in range(10)]
    assert {(one.status, one.body["e"]) for one in answers} == {(401, "revoked")}
    assert len(queries) == 0


def test_an_unchanged_heartbeat_is_one_redis_call(
    agent: WireAgent, redis_server: RedisServer
) -> None:
    beat(agent)
    with redis_server.client() as client:
        client.config_resetstat()
        beat(agent)
        stats = client.info("commandstats")
    # The script's own commands are counted too; only EVALSHA comes over the wire.
    assert stats["cmdstat_evalsha"]["calls"] == 1
    wire = {"cmdstat_evalsha", "cmdstat_hmget", "cmdstat_hset", "cmdstat_sadd"}
    assert set(stats) - wire <= {
        "cmdstat_config|resetstat",
        "cmdstat_info",
        "cmdstat_client|setinfo",
    }
