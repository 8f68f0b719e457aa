"""Last seen and silence: written in batches, noted once, one incident for a fleet."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.live.base import Seen
from agents.models import Host, HostLive, HostState
from agents.services.last_seen import write_last_seen, write_seen
from agents.services.silence import silence_sweep, workspace_sweep
from tests.support.joined import NOW, enrolled_agent, make_estate
from workbench.core.models import AuditEntry, Workspace

pytestmark = pytest.mark.django_db


def hosts_of(workspace: Workspace, count: int, *, seen: datetime) -> list[Host]:
    made = [
        Host(workspace=workspace, name=f"h{n}", state=HostState.ACTIVE, enrolled_at=seen)
        for n in range(count)
    ]
    Host.unscoped.bulk_create(made)
    HostLive.objects.bulk_create([HostLive(host=host, last_seen=seen) for host in made])
    return made


def verbs(workspace: Workspace) -> list[str]:
    return list(AuditEntry.objects.of(workspace).order_by("number").values_list("verb", flat=True))


def test_a_heartbeat_reaches_the_table_with_everything_it_said() -> None:
    agent = enrolled_agent(make_estate())
    HostLive.objects.update(last_seen=NOW - timedelta(days=300))
    agent.heartbeat()
    assert write_last_seen() == 1
    assert write_last_seen() == 0
    row = HostLive.objects.get(host_id=agent.host_id)
    assert (row.counter, row.boot) == (agent.number, agent.boot)
    assert row.last_seen > NOW - timedelta(days=300)


def test_a_batch_is_a_fixed_number_of_statements_and_unknown_hosts_do_no_harm() -> None:
    workspace = make_estate().workspace
    hosts = hosts_of(workspace, 300, seen=NOW)
    later = NOW + timedelta(minutes=1)
    seen = [Seen(host.pk, later, "boot-b", 7, "boot-a", 3, "memory") for host in hosts]
    with CaptureQueriesContext(connection) as queries:
        write_seen([*seen, Seen(uuid.uuid4(), later, "", 1)])
    assert len(queries) <= 4
    row = HostLive.objects.get(host=hosts[0])
    assert (row.last_seen, row.counter, row.boot) == (later, 7, "boot-b")
    assert (row.previous_boot, row.previous_counter, row.spool) == ("boot-a", 3, "memory")


@pytest.mark.postgres
def test_a_late_batch_does_not_set_the_time_back() -> None:
    host = hosts_of(make_estate().workspace, 1, seen=NOW)[0]
    write_seen([Seen(host.pk, NOW - timedelta(minutes=5), "old", 1)])
    assert HostLive.objects.get(host=host).last_seen == NOW


def test_silence_is_noted_once_and_so_is_the_return() -> None:
    workspace = make_estate().workspace
    host = hosts_of(workspace, 1, seen=NOW)[0]
    allowed = timedelta(seconds=3 * 60 + 30)
    assert workspace_sweep(workspace, now=NOW + allowed) == 0
    silent_at = NOW + allowed + timedelta(seconds=1)
    assert workspace_sweep(workspace, now=silent_at) == 1
    assert workspace_sweep(workspace, now=silent_at + timedelta(hours=1)) == 0
    assert HostLive.objects.get(host=host).silent_since == silent_at
    back = silent_at + timedelta(hours=2)
    write_seen([Seen(host.pk, back, "b", 1)])
    assert workspace_sweep(workspace, now=back) == 1
    assert workspace_sweep(workspace, now=back) == 0
    assert HostLive.objects.get(host=host).silent_since is None
    assert verbs(workspace) == ["host.silent", "host.heard_again"]


def test_a_fleet_that_falls_silent_at_once_is_one_incident() -> None:
    workspace = make_estate().workspace
    hosts_of(workspace, 70, seen=NOW + timedelta(hours=1))
    hosts_of(workspace, 30, seen=NOW)
    assert workspace_sweep(workspace, now=NOW + timedelta(hours=1)) == 30
    assert verbs(workspace) == ["hosts.silent"]
    entry = AuditEntry.objects.of(workspace).get()
    assert entry.after == {"hosts": 30, "of": 100}
    assert HostLive.objects.exclude(silent_since=None).count() == 30


def test_a_fifth_of_the_fleet_is_not_yet_an_incident() -> None:
    workspace = make_estate().workspace
    hosts_of(workspace, 80, seen=NOW + timedelta(hours=1))
    hosts_of(workspace, 20, seen=NOW)
    workspace_sweep(workspace, now=NOW + timedelta(hours=1))
    assert verbs(workspace) == ["host.silent"] * 20


def test_one_workspace_says_nothing_about_another() -> None:
    quiet, loud = make_estate().workspace, make_estate("Other").workspace
    hosts_of(quiet, 1, seen=NOW)
    hosts_of(loud, 1, seen=NOW + timedelta(hours=1))
    workspace_sweep(loud, now=NOW + timedelta(hours=1))
    assert (verbs(quiet), verbs(loud)) == ([], [])


def test_hosts_that_may_not_report_are_not_called_silent() -> None:
    workspace = make_estate().workspace
    for state in (HostState.PENDING, HostState.FORKED, HostState.RETIRED):
        for host in hosts_of(workspace, 1, seen=NOW):
            Host.unscoped.filter(pk=host.pk).update(state=state)
    assert workspace_sweep(workspace, now=NOW + timedelta(days=1)) == 0


def test_what_was_heard_but_not_yet_written_is_no_silence() -> None:
    agent = enrolled_agent(make_estate())
    HostLive.objects.update(last_seen=NOW - timedelta(days=300))
    agent.heartbeat()
    assert silence_sweep() == 0
    assert HostLive.objects.get(host_id=agent.host_id).silent_since is None
