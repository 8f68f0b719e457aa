"""What people do to hosts: approve, retire, revoke, label; all or none, and with consequences."""

import uuid
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from agents.models import Agent, Container, Host, HostState
from agents.services.events import ASSIGNMENT_CHANGED
from agents.services.host_assignment import (
    Assignment,
    host_assign,
    host_label,
    host_set_criticality,
)
from agents.services.hosts import (
    agent_restore,
    agent_revoke,
    agent_rotate,
    host_approve,
    host_resolve_fork,
    host_retire,
)
from assessments.models import Finding
from assessments.selectors.overview import overview_of
from tests.support.estate import Estate, new_estate
from tests.support.joined import client_post, enrolled_agent, enrolment_secret, make_estate
from tests.support.wire_agent import WireAgent
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Conflict, Invalid, NotFound
from workbench.core.models import AuditEntry, WorkItem, Workspace
from workbench.core.work import items

pytestmark = pytest.mark.django_db

Service = Callable[[Caller, Sequence[uuid.UUID]], int]


def now_of(service: Callable[..., int], **more: Any) -> Service:
    return lambda caller, ids: service(caller, ids, now=timezone.now(), **more)


SERVICES = {
    "approve": now_of(host_approve),
    "retire": now_of(host_retire),
    "revoke": now_of(agent_revoke),
    "restore": now_of(agent_restore),
    "rotate": now_of(agent_rotate),
    "resolve fork": now_of(host_resolve_fork),
    "label": now_of(host_label, add={"env": "test"}),
    "criticality": now_of(host_set_criticality, criticality="high"),
}
# The state in which a host must be for the service to change it.
BEFORE = {"approve": "pending", "resolve fork": "forked"}


@pytest.fixture
def estate() -> Estate:
    return new_estate("Platform security", now=timezone.now())


def hosts_for(name: str, workspace: Workspace, count: int = 3) -> list[Host]:
    """Hosts that the service would change."""
    made = []
    for number in range(count):
        state = BEFORE.get(name, "active")
        host = Host.unscoped.create(workspace=workspace, name=f"edge-{number}", state=state)
        revoked = timezone.now() if name == "restore" else None
        key = f"{uuid.uuid4().hex}"
        Agent.objects.create(host=host, secret_hash=key, enrol_nonce=key, revoked_at=revoked)
        made.append(host)
    return made


def rows_of(workspace: Workspace) -> list[tuple[object, ...]]:
    columns = ("pk", "state", "criticality", "labels", "assignment_number")
    columns += ("agent__revoked_at", "agent__rotate_asked_at")
    return list(Host.objects.of(workspace).order_by("pk").values_list(*columns))


@pytest.mark.parametrize("name", list(SERVICES))
def test_each_change_writes_one_entry_per_host(estate: Estate, name: str) -> None:
    hosts = hosts_for(name, estate.workspace)
    before = rows_of(estate.workspace)
    assert SERVICES[name](estate.caller, [host.pk for host in hosts[:2]]) == 2
    changed = [
        row for row, old in zip(rows_of(estate.workspace), before, strict=True) if row != old
    ]
    assert {row[0] for row in changed} == {host.pk for host in hosts[:2]}
    entries = AuditEntry.objects.of(estate.workspace).order_by("number")
    assert {entry.target for entry in entries} == {str(host.pk) for host in hosts[:2]}
    assert {entry.actor for entry in entries} == {estate.admin.user.email}
    assert audit.first_bad_number(entries) is None


@pytest.mark.parametrize("name", list(SERVICES))
def test_a_host_of_another_workspace_is_not_found_and_none_is_changed(
    estate: Estate, name: str
) -> None:
    other = new_estate("Neighbour", now=estate.now)
    mine = hosts_for(name, estate.workspace, 1)
    foreign = hosts_for(name, other.workspace, 1)
    before = rows_of(estate.workspace) + rows_of(other.workspace)
    for ids in ([foreign[0].pk], [mine[0].pk, foreign[0].pk], [mine[0].pk, uuid.uuid4()]):
        with pytest.raises(NotFound):
            SERVICES[name](estate.caller, ids)
    assert rows_of(estate.workspace) + rows_of(other.workspace) == before
    assert not AuditEntry.objects.of(estate.workspace).exists()


@pytest.mark.parametrize("name", list(SERVICES))
def test_no_host_and_too_many_are_refused(estate: Estate, name: str) -> None:
    with pytest.raises(Invalid):
        SERVICES[name](estate.caller, [])
    with pytest.raises(Invalid):
        SERVICES[name](estate.caller, [uuid.uuid4() for _ in range(5_001)])


@pytest.mark.parametrize("name", list(SERVICES))
def test_the_second_time_changes_nothing(estate: Estate, name: str) -> None:
    ids = [host.pk for host in hosts_for(name, estate.workspace)]
    SERVICES[name](estate.caller, ids)
    before, entries = rows_of(estate.workspace), AuditEntry.objects.of(estate.workspace).count()
    if name in {"label", "criticality"}:
        assert SERVICES[name](estate.caller, ids) == 0
    else:
        with pytest.raises(Conflict):
            SERVICES[name](estate.caller, ids)
    assert rows_of(estate.workspace) == before
    assert AuditEntry.objects.of(estate.workspace).count() == entries


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - {"rotate"}))
def test_a_change_takes_the_same_queries_for_two_hosts_and_for_twenty(
    estate: Estate, name: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for count in (2, 20):
        ids = [host.pk for host in hosts_for(name, estate.workspace, count)]
        with django_assert_max_num_queries(11):
            assert SERVICES[name](estate.caller, ids) == count


# ---- at the door ------------------------------------------------------------------------------


@pytest.fixture
def agent(db: None) -> WireAgent:
    return enrolled_agent(make_estate())


def caller_of(agent: WireAgent) -> tuple[Caller, list[uuid.UUID]]:
    host = Host.unscoped.get(pk=agent.host_id)
    membership = host.workspace.memberships.get(role="admin")
    return Caller(membership.user, membership), [host.pk]


@pytest.mark.parametrize(
    ("name", "status", "code"), [("retire", 410, "gone"), ("revoke", 401, "revoked")]
)
def test_the_agent_is_told_at_its_next_heartbeat(
    agent: WireAgent, name: str, status: int, code: str, django_capture_on_commit_callbacks: Any
) -> None:
    assert agent.heartbeat().status == 204  # the live store knows the host now
    with django_capture_on_commit_callbacks(execute=True):
        SERVICES[name](*caller_of(agent))
    answer = agent.heartbeat()
    assert (answer.status, answer.body["error"]["code"]) == (status, code)
    answer = agent.index({"kernel": {"facts": {}, "unknowns": []}}, number=1)
    assert (answer.status, answer.body["error"]["code"]) == (status, code)


def test_a_restored_key_holds_again(
    agent: WireAgent, django_capture_on_commit_callbacks: Any
) -> None:
    for name, status in (("revoke", 401), ("restore", 204)):
        with django_capture_on_commit_callbacks(execute=True):
            SERVICES[name](*caller_of(agent))
        assert agent.heartbeat().status == status


def test_a_machine_that_was_retired_may_come_back_as_another_host(agent: WireAgent) -> None:
    caller, ids = caller_of(agent)
    Host.unscoped.filter(pk__in=ids).update(fingerprint="f" * 64)
    host_retire(caller, ids, now=timezone.now())
    again = enrolled_agent_again(caller.workspace)
    assert again.host_id != agent.host_id
    assert Host.unscoped.filter(fingerprint="f" * 64).count() == 2


def enrolled_agent_again(workspace: Workspace) -> WireAgent:
    made = WireAgent(client_post, name="host-a")
    assert made.enrol(enrolment_secret(workspace), fingerprint="f" * 64).status == 201
    return made


# ---- what numbers are made of -----------------------------------------------------------------


def test_a_retired_host_leaves_the_population_and_its_history_stays(estate: Estate) -> None:
    stays = estate.host("stays", sample="hardened")
    goes = estate.host("goes")
    findings = Finding.objects.of(estate.workspace).filter(host=goes).count()
    containers = Container.objects.of(estate.workspace).filter(host=goes).count()
    assert overview_of(estate.workspace, now=estate.now).fails
    host_retire(estate.caller, [goes.pk], now=estate.now)
    seen = overview_of(estate.workspace, now=estate.now)
    left = Finding.objects.of(estate.workspace).filter(host=stays, closed_at=None)
    assert seen.fails == left.filter(status="fail").count()
    assert seen.unknowns == left.filter(status="unknown").count()
    assert seen.population.enrolled == 1
    assert seen.containers == Container.objects.of(estate.workspace).filter(host=stays).count()
    assert Finding.objects.of(estate.workspace).filter(host=goes).count() == findings > 0
    assert Container.objects.of(estate.workspace).filter(host=goes).count() == containers > 0
    goes.refresh_from_db()
    assert (goes.state, goes.retired_at) == (HostState.RETIRED, estate.now)


def test_a_change_of_criticality_moves_the_findings_and_back(estate: Estate) -> None:
    host = estate.host("pay-01")
    first = scores_of(host)
    seen = {}
    for word in ("critical", "normal"):
        host_set_criticality(estate.caller, [host.pk], criticality=word, now=estate.now)
        items.run_due(clock=timezone.now)
        seen[word] = scores_of(host)
    assert seen["normal"] == first
    impacts = {word: sum(impact for _, impact in rows.values()) for word, rows in seen.items()}
    assert impacts["normal"] < impacts["critical"]
    steps = (
        Finding.objects.of(estate.workspace).filter(level__gte=1).values_list("steps", flat=True)
    )
    assert not any("criticality" in step["because"] for row in steps for step in row)


def scores_of(host: Host) -> dict[str, tuple[int, int]]:
    rows = Finding.unscoped.filter(host=host, closed_at=None, level__gte=1)
    return {f"{row.check_id} {row.target_key}": (row.level, row.impact) for row in rows}


def test_a_label_that_checks_read_judges_anew_and_another_does_not(estate: Estate) -> None:
    host = estate.host("pay-01")
    wanted = WorkItem.objects.filter(kind=ASSIGNMENT_CHANGED, key=str(host.pk))
    host_label(estate.caller, [host.pk], add={"rack": "4"}, now=estate.now)
    assert not wanted.exists()
    before = scores_of(host)
    host_label(estate.caller, [host.pk], add={"criticality": "critical"}, now=estate.now)
    assert wanted.get().done_at is None
    items.run_due(clock=timezone.now)
    assert scores_of(host) != before
    because = [step["because"] for row in Finding.unscoped.filter(host=host) for step in row.steps]
    assert any("critical" in words for words in because)
    host_label(estate.caller, [host.pk], add={}, remove=["criticality"], now=estate.now)
    items.run_due(clock=timezone.now)
    assert scores_of(host) == before


@pytest.mark.parametrize(
    "wanted",
    [
        Assignment(criticality="highest"),
        Assignment(add={"": "x"}),
        Assignment(add={"0": "x"}),
        Assignment(add={"a b": "x"}),
        Assignment(add={"env": ""}),
        Assignment(add={"env": "a\nb"}),
        Assignment(add={"env": "x" * 121}),
        Assignment(add={"criticality": "highest"}),
        Assignment(add={f"l{number}": "x" for number in range(33)}),
    ],
)
def test_what_cannot_be_said_of_a_host_is_refused(estate: Estate, wanted: Assignment) -> None:
    host = hosts_for("label", estate.workspace, 1)[0]
    with pytest.raises(Invalid):
        host_assign(estate.caller, [host.pk], wanted, now=estate.now)


def test_labels_are_added_and_taken_away_at_once(estate: Estate) -> None:
    host = hosts_for("label", estate.workspace, 1)[0]
    Host.unscoped.update(labels={"old one!": "from the agent", "env": "test"})
    wanted = Assignment(add={"env": "prod", "rack": " 4 "}, remove=["old one!"])
    assert host_assign(estate.caller, [host.pk], wanted, now=estate.now) == 1
    host.refresh_from_db()
    assert host.labels == {"env": "prod", "rack": "4"}
    entry = AuditEntry.objects.of(estate.workspace).get(verb="host.assigned")
    assert entry.before["labels"] == {"old one!": "from the agent", "env": "test"}
    assert entry.after["labels"] == host.labels
