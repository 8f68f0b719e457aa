"""A hostile agent with a valid key: refused in time, flagged, and no trouble to others (row 24)."""

import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import TestCase
from django.utils import timezone

from agents.facts.canonical import canonical_bytes, digest, root_digest
from agents.models import Blob, Container, Host
from agents.services import quotas
from tests.support.joined import Estate, client_post, enrolled_agent, make_estate
from tests.support.wire_agent import Answer, WireAgent
from workbench.core.models import AuditEntry

pytestmark = pytest.mark.django_db
KERNEL = {"facts": {"release": "6.1.0"}, "unknowns": []}


def body(**facts: Any) -> dict[str, Any]:
    return {"facts": facts, "unknowns": []}


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    return enrolled_agent(estate)


def flagged(estate: Estate) -> list[str]:
    entries = AuditEntry.objects.of(estate.workspace).filter(verb="host.flagged")
    return [entry.after["flag"] for entry in entries]


def listing(agent: WireAgent, count: int, **fields: Any) -> Answer:
    """An index with so many containers that all share two digests."""
    rows = [[f"c{place}", "1" * 64, "2" * 64] for place in range(count)]
    message = {
        "gen": 1,
        "root": root_digest({}, {row[0]: row[1:] for row in rows}),
        "sections": {},
        "containers": rows,
        **fields,
    }
    headers = {"Authorization": agent.authorization()}
    return client_post("/i/v1/index", json.dumps(message).encode(), headers)


@pytest.mark.parametrize(
    ("count", "status", "code"), [(5_000, 200, ""), (5_001, 413, "quota"), (40_000, 413, "")]
)
def test_a_host_has_at_most_5000_containers(
    agent: WireAgent, estate: Estate, count: int, status: int, code: str
) -> None:
    answer = listing(agent, count)
    assert (answer.status, answer.body.get("e", "")) == (status, code or answer.body.get("e", ""))
    assert not Container.unscoped.exists()
    assert len(flagged(estate)) == (code == "quota")


def test_a_million_containers_are_not_even_read(agent: WireAgent) -> None:
    raw = b'{"gen":1,"containers":[' + b'["c","1","2"],' * 1_000_000 + b"]}"
    answer = client_post("/i/v1/index", raw, {"Authorization": agent.authorization()})
    assert answer.status == 413


def test_changes_cannot_add_up_to_more_containers(
    agent: WireAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "MAX_CONTAINERS", 3)
    few = {f"c{place}": (body(id=place), body()) for place in range(3)}
    assert agent.index({"kernel": KERNEL}, few, number=1).status == 200
    more = {**few, "c3": (body(id=3), body())}
    before, after = ({"kernel": KERNEL}, few), ({"kernel": KERNEL}, more)
    assert agent.delta(before, after, number=2).body["e"] == "quota"
    assert Container.unscoped.filter(gone_at=None).count() == 3


def spent(agent: WireAgent, **usage: int) -> None:
    """Let the host have used this much of the present hour."""
    hour = int(timezone.now().timestamp()) // 3_600
    Host.unscoped.filter(pk=agent.host_id).update(usage={"hour": hour, **usage})


def test_ten_thousand_changes_an_hour_are_refused_flagged_and_no_trouble_to_others(
    agent: WireAgent, estate: Estate
) -> None:
    other = enrolled_agent(estate, name="host-b")
    spent(agent, indexes=quotas.MAX_INDEXES - 1)
    assert agent.index({"kernel": body(release="1")}, number=1).status == 200
    for number in range(2, 6):
        answer = agent.index({"kernel": body(release=str(number))}, number=number)
        assert (answer.status, answer.body["e"]) == (429, "quota")
    host = Host.unscoped.get(pk=agent.host_id)
    assert (host.facts_number, host.kernel_release) == (1, "1")
    assert flagged(estate) == [host.flag]
    assert "240 times in an hour" in host.flag
    assert agent.heartbeat(root=host.facts_root).status == 204
    assert other.index({"kernel": KERNEL}, number=1).status == 200


def test_an_hour_later_facts_are_taken_again(agent: WireAgent) -> None:
    hour = int((timezone.now() - timedelta(hours=1)).timestamp()) // 3_600
    Host.unscoped.update(usage={"hour": hour, "indexes": quotas.MAX_INDEXES})
    assert agent.index({"kernel": KERNEL}, number=1).status == 200


def test_containers_that_come_and_go_are_counted(agent: WireAgent) -> None:
    spent(agent, containers=quotas.MAX_NEW_CONTAINERS - 1)
    one = {"c1": (body(id=1), body())}
    two = {"c2": (body(id=2), body()), "c3": (body(id=3), body())}
    assert agent.index({"kernel": KERNEL}, one, number=1).status == 200
    assert agent.index({"kernel": KERNEL}, two, number=2).status == 429
    assert [row.key for row in Container.unscoped.filter(gone_at=None)] == ["c1"]


@pytest.mark.parametrize("endpoint", ["index", "blobs"])
def test_new_bodies_are_counted_and_known_ones_are_free(
    agent: WireAgent, endpoint: str, estate: Estate
) -> None:
    assert agent.index({"kernel": KERNEL}, number=1).status == 200
    spent(agent, raw_bytes=quotas.MAX_NEW_BYTES)
    before = Blob.objects.count()
    new = body(release="new")
    if endpoint == "index":
        assert agent.index({"kernel": new}, number=2).status == 429
        assert agent.index({"kernel": KERNEL}, number=2).status == 200
    else:
        assert [posted(agent, one) for one in (new, KERNEL)] == [429, 200]
    assert Blob.objects.count() == before
    assert len(flagged(estate)) == 1


def posted(agent: WireAgent, one: dict[str, Any]) -> int:
    raw = canonical_bytes(one)
    message = json.dumps({"blobs": {digest(raw): raw.decode()}}).encode()
    headers = {"Authorization": agent.authorization()}
    return client_post("/i/v1/blobs", message, headers).status


def test_a_full_workspace_takes_no_more_and_others_do(
    agent: WireAgent, estate: Estate, settings: Any
) -> None:
    stranger = enrolled_agent(make_estate("Other"))
    agent.index({"kernel": KERNEL}, number=1)
    Blob.objects.update(raw_bytes=2**30)
    settings.FACTS_MAX_GIB = 1
    quotas.cache.clear()
    answer = agent.index({"kernel": body(release="new")}, number=2)
    assert (answer.status, answer.body["e"]) == (413, "quota")
    assert stranger.index({"kernel": KERNEL}, number=1).status == 200


def test_digests_of_another_workspace_are_not_there(agent: WireAgent) -> None:
    stranger = enrolled_agent(make_estate("Other"))
    agent.index({"kernel": KERNEL}, number=1)
    claim = stranger.index({"kernel": KERNEL}, number=1, inline={})
    assert claim.body == {"gen": 0, "need": [digest(canonical_bytes(KERNEL))]}


def test_a_refused_configuration_is_shown(agent: WireAgent, estate: Estate) -> None:
    text = "interval must be a number from 30 to 3600"
    agent.index({"kernel": KERNEL}, number=1, refused=text, counts={"bodies_refused": 1})
    assert flagged(estate) == [f"refuses its configuration: {text}"]


def test_flags_come_once_an_hour(agent: WireAgent, estate: Estate) -> None:
    host_id, now = uuid.UUID(agent.host_id), timezone.now()
    for minutes in (0, 1, 30, 61, 62):
        with TestCase.captureOnCommitCallbacks(execute=True):
            quotas.host_flag(host_id, f"at {minutes}", now=now + timedelta(minutes=minutes))
    assert flagged(estate) == ["at 0", "at 61"]
    assert Host.unscoped.get().flag == "at 62"
