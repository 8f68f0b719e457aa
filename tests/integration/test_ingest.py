"""The agents' door: enrolment, heartbeats and facts, each promise of ingest v1 once."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.facts.canonical import canonical_bytes, digest, root_digest
from agents.live.store import live_store
from agents.models import (
    Agent,
    Blob,
    Container,
    ContainerFacts,
    EnrolmentToken,
    Host,
    HostLive,
    HostSection,
)
from agents.selectors.facts import facts_of
from agents.services.events import FACTS_CHANGED
from agents.services.last_seen import write_last_seen
from tests.support.joined import Estate, client_post, enrolled_agent, enrolment_secret, make_estate
from tests.support.wire_agent import Answer, WireAgent
from workbench.core.models import AuditEntry, WorkItem

pytestmark = pytest.mark.django_db


def body(**facts: Any) -> dict[str, Any]:
    return {"facts": facts, "unknowns": []}


KERNEL = body(release="6.1.0")
HOST = body(name="host-a", os={"id": "debian", "version": "12"})
IDENTITY = body(id="c" * 64, name="web", runtime="docker", state="running")
POSTURE = body(no_new_privileges=True)


@pytest.fixture
def estate() -> Estate:
    return make_estate()


@pytest.fixture
def agent(estate: Estate) -> WireAgent:
    return enrolled_agent(estate)


# ---- enrolment --------------------------------------------------------------------------------


def test_a_host_joins_with_a_token(estate: Estate) -> None:
    agent = WireAgent(client_post, name="web-1")
    answer = agent.enrol(enrolment_secret(estate.workspace))
    assert answer.status == 201
    host = Host.objects.of(estate.workspace).get()
    assert (host.name, host.state, str(host.pk)) == ("web-1", "active", agent.host_id)
    assert AuditEntry.objects.of(estate.workspace).filter(verb="host.enrolled").count() == 1


def test_the_same_request_again_gives_the_same_host(estate: Estate) -> None:
    secret = enrolment_secret(estate.workspace)
    agent = WireAgent(client_post)
    first, second = agent.enrol(secret), agent.enrol(secret)
    assert first.body == second.body
    assert Host.objects.of(estate.workspace).count() == 1
    assert EnrolmentToken.objects.of(estate.workspace).get().uses == 1


@pytest.mark.parametrize("fault", ["unknown", "expired", "revoked", "used up"])
def test_a_token_that_does_not_hold_adds_no_host(estate: Estate, fault: str) -> None:
    secret = enrolment_secret(estate.workspace, max_uses=1)
    token = EnrolmentToken.objects.of(estate.workspace)
    now = timezone.now()
    if fault == "expired":
        token.update(expires_at=now - timedelta(seconds=1))
    if fault == "revoked":
        token.update(revoked_at=now)
    if fault == "used up":
        token.update(uses=1)
    answer = WireAgent(client_post).enrol("ue_other" if fault == "unknown" else secret)
    assert answer.status == 403
    assert not Host.objects.of(estate.workspace).exists()


def test_a_live_record_is_never_taken_over(estate: Estate) -> None:
    secret = enrolment_secret(estate.workspace)
    assert WireAgent(client_post).enrol(secret, fingerprint="f" * 64).status == 201
    thief = WireAgent(client_post)
    assert thief.enrol(secret, fingerprint="f" * 64).status == 409
    HostLive.objects.update(last_seen=timezone.now() - timedelta(hours=25))
    assert thief.enrol(secret, fingerprint="f" * 64).status == 201
    assert Host.objects.of(estate.workspace).count() == 1


def test_a_host_of_a_token_for_approval_waits(estate: Estate) -> None:
    secret = enrolment_secret(estate.workspace)
    EnrolmentToken.unscoped.update(mode="approve")
    answer = WireAgent(client_post).enrol(secret)
    assert (answer.status, answer.body["state"]) == (202, "pending")


# ---- tokens and heartbeats --------------------------------------------------------------------


def forged(agent: WireAgent) -> dict[str, str]:
    good = agent.authorization()
    kind, host, secret, tag = good.removeprefix("Bearer ").split(".")
    other = str(uuid.uuid4())
    return {
        "none": "",
        "no scheme": good.removeprefix("Bearer "),
        "other scheme": good.replace("Bearer", "Token"),
        "other host": f"Bearer {kind}.{other}.{secret}.{tag}",
        "other secret": f"Bearer {kind}.{host}.{'A' * 43}.{tag}",
        "short secret": f"Bearer {kind}.{host}.AAAA.{tag}",
        "no tag": f"Bearer {kind}.{host}.{secret}",
        "zero tag": f"Bearer {kind}.{host}.{secret}.{'0' * 32}",
        "cut tag": f"Bearer {kind}.{host}.{secret}.{tag[:-1]}",
        "odd host": f"Bearer {kind}.x.{secret}.{tag}",
        "odd characters": f"Bearer {kind}.{host}.\u00fc.{tag}",
        "long": "Bearer k1." + "A" * 5_000,
    }


@pytest.mark.parametrize("endpoint", ["hb", "index", "blobs", "events"])
def test_a_forged_token_is_refused_without_a_query(
    agent: WireAgent, endpoint: str, django_assert_num_queries: Any
) -> None:
    for name, header in forged(agent).items():
        with django_assert_num_queries(0):
            answer = client_post(f"/i/v1/{endpoint}", b"{}", {"Authorization": header})
        assert answer.status == 401, name


def test_a_heartbeat_with_the_known_root_needs_nothing(agent: WireAgent) -> None:
    assert agent.heartbeat().status == 204


def test_an_unchanged_heartbeat_costs_no_sql(
    agent: WireAgent, django_assert_num_queries: Any
) -> None:
    agent.heartbeat()
    with django_assert_num_queries(0):
        assert agent.heartbeat().status == 204


def test_a_heartbeat_with_another_root_is_asked_for_its_index(agent: WireAgent) -> None:
    answer = agent.heartbeat(root="a" * 64)
    assert (answer.status, answer.body) == (200, {"need": "index"})


def test_last_seen_is_written_in_batches(agent: WireAgent) -> None:
    HostLive.objects.update(last_seen=timezone.now() - timedelta(days=1))
    agent.heartbeat()
    assert write_last_seen() == 1
    assert write_last_seen() == 0
    assert timezone.now() - HostLive.objects.get().last_seen < timedelta(minutes=1)


def test_a_revoked_key_is_refused_everywhere(agent: WireAgent) -> None:
    Agent.objects.update(revoked_at=timezone.now())
    live_store().forget(uuid.UUID(agent.host_id))
    assert agent.heartbeat().status == 401
    assert agent.index({"kernel": KERNEL}, number=1).status == 401


def test_a_retired_host_is_told_to_go(agent: WireAgent) -> None:
    Host.unscoped.update(state="retired")
    live_store().forget(uuid.UUID(agent.host_id))
    assert agent.heartbeat().status == 410
    assert agent.index({"kernel": KERNEL}, number=1).status == 410


def test_other_methods_are_refused() -> None:
    for endpoint in ("enrol", "hb", "index", "blobs", "events"):
        assert Client().get(f"/i/v1/{endpoint}").status_code in {401, 405}
    assert Client().get("/i/v1/nowhere").status_code == 404


# ---- facts ------------------------------------------------------------------------------------


def test_an_index_with_all_bodies_is_linked_at_once(agent: WireAgent) -> None:
    answer = agent.index({"kernel": KERNEL, "host": HOST}, {"c1": (IDENTITY, POSTURE)}, number=1)
    assert (answer.status, answer.body) == (200, {"gen": 1, "need": []})
    host = Host.unscoped.get()
    assert (host.facts_number, host.kernel_release, host.os_name) == (1, "6.1.0", "debian 12")
    container = Container.unscoped.get()
    assert (container.key, container.name, container.runtime) == ("c1", "web", "docker")
    facts = facts_of(host.pk)
    assert facts is not None
    assert facts.sections == {"kernel": KERNEL, "host": HOST}
    assert facts.containers[0].posture == POSTURE
    item = WorkItem.objects.get(kind=FACTS_CHANGED)
    assert (item.key, item.done_at) == (str(host.pk), None)


def test_missing_bodies_are_asked_for_and_nothing_is_linked_before(agent: WireAgent) -> None:
    raw = canonical_bytes(KERNEL)
    sections = {"kernel": digest(raw)}
    message = {
        "gen": 1,
        "root": root_digest(sections, {}),
        "sections": sections,
        "containers": [],
    }
    headers = {"Authorization": agent.authorization()}
    first = client_post("/i/v1/index", json.dumps(message).encode(), headers)
    assert first.body == {"gen": 0, "need": [digest(raw)]}
    assert not HostSection.objects.exists()
    blobs = {"blobs": {digest(raw): raw.decode(), "0" * 64: "{}"}}
    stored = client_post("/i/v1/blobs", json.dumps(blobs).encode(), headers)
    assert stored.body == {"stored": 1, "bad": ["0" * 64]}
    second = client_post("/i/v1/index", json.dumps(message).encode(), headers)
    assert second.body == {"gen": 1, "need": []}
    assert HostSection.objects.get().section == "kernel"


def test_equal_postures_are_stored_once(agent: WireAgent, estate: Estate) -> None:
    other = enrolled_agent(estate, name="host-b")
    for one in (agent, other):
        one.index({"kernel": KERNEL}, {"c1": (body(id=one.host_id), POSTURE)}, number=1)
    assert Blob.objects.filter(digest=digest(canonical_bytes(POSTURE))).count() == 1
    assert Blob.objects.count() == 4


def test_a_late_index_does_not_roll_facts_back(agent: WireAgent) -> None:
    agent.index({"kernel": body(release="new")}, number=7)
    answer = agent.index({"kernel": body(release="old")}, number=6)
    assert (answer.status, answer.body) == (200, {"gen": 7, "need": []})
    assert Host.unscoped.get().kernel_release == "new"


def test_the_same_index_again_changes_nothing(agent: WireAgent) -> None:
    for _ in range(3):
        agent.index({"kernel": KERNEL}, {"c1": (IDENTITY, POSTURE)}, number=1)
    assert HostSection.objects.count() == 1
    assert ContainerFacts.objects.count() == 1
    assert WorkItem.objects.get(kind=FACTS_CHANGED).wanted == 1


def test_a_changed_section_keeps_its_history(agent: WireAgent) -> None:
    agent.index({"kernel": body(release="1"), "host": HOST}, number=1)
    before = timezone.now()
    agent.index({"kernel": body(release="2"), "host": HOST}, number=2)
    rows = HostSection.objects.filter(section="kernel").order_by("valid_from")
    assert [row.valid_to is None for row in rows] == [False, True]
    assert HostSection.objects.filter(section="host").count() == 1
    then = facts_of(agent.host_id, at=before)
    assert then is not None
    assert then.sections["kernel"] == body(release="1")


def test_a_container_that_is_gone_is_closed_and_may_come_back(agent: WireAgent) -> None:
    agent.index({"host": HOST}, {"c1": (IDENTITY, POSTURE)}, number=1)
    agent.index({"host": HOST}, {}, number=2)
    assert Container.unscoped.get().gone_at is not None
    agent.index({"host": HOST}, {"c1": (IDENTITY, POSTURE)}, number=3)
    assert Container.unscoped.filter(gone_at=None).count() == 1
    assert Container.unscoped.count() == 2


def test_a_section_that_could_not_be_read_is_kept_with_its_reason(agent: WireAgent) -> None:
    sections = {"logging": {"err": "EACCES", "need": "CAP_AUDIT_CONTROL"}}
    message = {
        "gen": 1,
        "root": root_digest(sections, {}),
        "sections": sections,
        "containers": [],
    }
    headers = {"Authorization": agent.authorization()}
    assert client_post("/i/v1/index", json.dumps(message).encode(), headers).status == 200
    facts = facts_of(agent.host_id)
    assert facts is not None
    assert facts.sections["logging"] == {"error": "EACCES", "needs": "CAP_AUDIT_CONTROL"}


WRONG = {
    "digest of a body": lambda m: m["inline"].update({"1" * 64: "{}"}),
    "root": lambda m: m.update(root="0" * 64),
    "container twice": lambda m: m.update(containers=[["c", "1" * 64, "2" * 64]] * 2),
    "number zero": lambda m: m.update(gen=0),
    "number too large": lambda m: m.update(gen=2**63),
    "section name": lambda m: m["sections"].update({"../etc": "1" * 64}),
    "key of a container": lambda m: m.update(containers=[["a/b", "1" * 64, "2" * 64]]),
    "body without facts": lambda m: m["inline"].update(one_body("{}")),
    "body that is a list": lambda m: m["inline"].update(one_body("[]")),
    "body with NUL": lambda m: m["inline"].update(one_body('{"facts":{"a":"\\u0000"}}')),
    "body with a surrogate": lambda m: m["inline"].update(one_body('{"facts":{"a":"\\ud800"}}')),
    "body nested deeply": lambda m: m["inline"].update(
        one_body('{"facts":' + "[" * 50 + "]" * 50 + "}")
    ),
    "unknowns no list": lambda m: m["inline"].update(one_body('{"facts":{},"unknowns":{}}')),
}


def one_body(text: str) -> dict[str, str]:
    return {digest(text.encode()): text}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_index_is_refused_whole(agent: WireAgent, fault: str) -> None:
    message: dict[str, Any] = {
        "gen": 1,
        "root": root_digest({}, {}),
        "sections": {},
        "containers": [],
        "inline": {},
    }
    WRONG[fault](message)
    headers = {"Authorization": agent.authorization()}
    answer = client_post("/i/v1/index", json.dumps(message).encode(), headers)
    assert answer.status == 400, answer
    assert answer.body["error"]["message"]
    assert Host.unscoped.get().facts_number == 0
    assert not Blob.objects.exists()


def test_a_host_only_writes_itself(agent: WireAgent, estate: Estate) -> None:
    other = enrolled_agent(estate, name="host-b")
    agent.index({"kernel": KERNEL}, number=1)
    hosts = {str(host.pk): host.facts_number for host in Host.unscoped.all()}
    assert hosts == {agent.host_id: 1, other.host_id: 0}


def test_workspaces_share_no_bodies(agent: WireAgent) -> None:
    stranger = enrolled_agent(make_estate("Other"), name="host-x")
    agent.index({"kernel": KERNEL}, number=1)
    stranger.index({"kernel": KERNEL}, number=1)
    assert Blob.objects.count() == 2


# ---- cost ---------------------------------------------------------------------------------------


def blobs_of(agent: WireAgent, *bodies: dict[str, Any]) -> Answer:
    raws = [canonical_bytes(one) for one in bodies]
    message = {"blobs": {digest(raw): raw.decode() for raw in raws}}
    headers = {"Authorization": agent.authorization()}
    return client_post("/i/v1/blobs", json.dumps(message).encode(), headers)


def test_bodies_that_come_before_their_index_are_kept(agent: WireAgent) -> None:
    assert blobs_of(agent, KERNEL, IDENTITY, POSTURE).body == {"stored": 3, "bad": []}
    assert not HostSection.objects.exists()
    answer = agent.index({"kernel": KERNEL}, {"c1": (IDENTITY, POSTURE)}, number=1, inline={})
    assert answer.body == {"gen": 1, "need": []}
    facts = facts_of(agent.host_id)
    assert facts is not None
    assert (facts.sections, facts.containers[0].posture) == ({"kernel": KERNEL}, POSTURE)


def containers(count: int) -> dict[str, tuple[Any, Any]]:
    return {f"c{place}": (body(id=str(place)), POSTURE) for place in range(count)}


def test_the_queries_of_each_request_are_known(estate: Estate) -> None:
    """They do not grow with what a host has, up to 500 of a kind."""
    counted: list[list[int]] = []
    # What the workspace holds is summed up once in five minutes.
    enrolled_agent(estate).index({"kernel": KERNEL}, number=1)
    for size in (2, 60):
        agent = WireAgent(client_post, name=f"host-{size}")
        secret = enrolment_secret(estate.workspace)
        new = [body(new=place, size=size) for place in range(size)]
        requests = [
            lambda agent=agent, secret=secret: agent.enrol(secret),
            lambda agent=agent: agent.heartbeat(),
            lambda agent=agent: agent.heartbeat(),
            lambda agent=agent, size=size: agent.index({}, containers(size), number=1),
            lambda agent=agent, size=size: agent.index({}, containers(size), number=2),
            lambda agent=agent, new=new: blobs_of(agent, *new),
            lambda agent=agent, new=new: blobs_of(agent, *new),
        ]
        counted.append([queries_of(request) for request in requests])
    few, many = counted
    assert few == many
    # enrolled, looked up, unchanged, all new, all the same, bodies new, bodies known
    assert many == [11, 1, 0, 17, 7, 7, 2]


def queries_of(ask: Callable[[], Answer]) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert ask().status in {200, 201, 204}
    return len(queries)
