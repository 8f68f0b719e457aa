"""What people do to hosts: let them in, send them away, take keys back. All of them or none.

Each change takes the ids of one workspace, writes one audit entry per host that it changes, leaves
alone the hosts that stand so already, and returns how many it changed. The live store forgets each
after the commit, so that the next heartbeat is answered from the rows.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction

from agents.live.store import live_store
from agents.models import Agent, Host, HostLive, HostState
from agents.services.clones import fork_settle
from agents.services.rotation import agent_rotation_ask
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Conflict, Invalid, NotFound

MAX_HOSTS: Final = 5_000
# The line of boots begins anew: see ``agents.live.lineage``.
NO_BOOTS: Final = {
    "boot": "",
    "counter": 0,
    "previous_boot": "",
    "previous_counter": 0,
    "rival_boot": "",
    "forked_at": None,
}


def host_approve(caller: Caller, ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """Let hosts in that wait for approval.

    Raises:
        NotFound: when one of them is not in the workspace; none is changed then.
        Conflict: when none of them waits.
    """
    with transaction.atomic():
        waiting = _in_state(hosts_locked(caller, ids), HostState.PENDING)
        _refuse_nothing(waiting, "none of these hosts waits for approval")
        _move(waiting, HostState.ACTIVE)
        _note(caller, waiting, "host.approved", now=now)
        # Who waited as one of two machines under an identity has one of its own now.
        for claimed in Host.unscoped.filter(claimed_by__host__in=waiting).order_by("pk"):
            fork_settle(claimed, reason="a machine that claimed it was approved", now=now)
        return len(waiting)


def host_retire(caller: Caller, ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """End hosts: their agents are answered 410 and erase their keys; what was seen is kept.

    Containers, findings and counters of a retired host are no longer part of any number.

    Raises:
        NotFound: when one of them is not in the workspace; none is changed then.
        Conflict: when all of them were retired before.
    """
    with transaction.atomic():
        there = [one for one in hosts_locked(caller, ids) if one.state != HostState.RETIRED]
        _refuse_nothing(there, "these hosts were retired before")
        before = {one.pk: {"name": one.name, "state": one.state} for one in there}
        keys = [one.pk for one in there]
        Host.unscoped.filter(pk__in=keys).update(state=HostState.RETIRED, retired_at=now)
        changes = [audit.Change("host.retired", str(pk), before[pk]) for pk in keys]
        audit.record_many(caller.workspace, changes, actor=caller.user.email, now=now)
        forget_after_commit(keys)
        return len(there)


def agent_revoke(caller: Caller, ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """Take the keys of hosts back: their agents are answered 401 and send nothing more.

    Raises:
        NotFound: when one of them is not in the workspace; none is changed then.
        Conflict: when no key of theirs holds.
    """
    with transaction.atomic():
        hosts = _with_key(hosts_locked(caller, ids), revoked=False)
        _refuse_nothing(hosts, "no key of these hosts holds any more")
        Agent.objects.filter(host__in=hosts).update(revoked_at=now)
        _note(caller, hosts, "agent.revoked", now=now)
        return len(hosts)


def agent_rotate(caller: Caller, ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """Ask agents for new keys with their next reports.

    Raises:
        NotFound: when one of them is not in the workspace; none is asked then.
        Conflict: when none of them has a key that holds, or all were asked already.
    """
    with transaction.atomic():
        hosts = _with_key(hosts_locked(caller, ids), revoked=False)
        asked = Agent.objects.filter(host__in=hosts, rotate_asked_at__isnull=False)
        known = set(asked.values_list("host_id", flat=True))
        unasked = [host for host in hosts if host.pk not in known]
        _refuse_nothing(unasked, "these hosts have no key, or were asked for a new one already")
        for host in unasked:
            agent_rotation_ask(caller, host, now=now)
        return len(unasked)


def agent_restore(caller: Caller, ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """Let revoked keys hold again; an agent asks every six hours whether its key does.

    Raises:
        NotFound: when one of them is not in the workspace; none is changed then.
        Conflict: when no key of theirs is revoked.
    """
    with transaction.atomic():
        hosts = _with_key(hosts_locked(caller, ids), revoked=True)
        _refuse_nothing(hosts, "no key of these hosts is revoked")
        Agent.objects.filter(host__in=hosts).update(revoked_at=None)
        _note(caller, hosts, "agent.restored", now=now)
        return len(hosts)


def host_resolve_fork(caller: Caller, ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """Take facts again under an identity that two machines used, once one of them has another.

    The machine that reports next is the host. Should the other one still hold the key, the two are
    seen again, and the host is forked again.

    Raises:
        NotFound: when one of them is not in the workspace; none is changed then.
        Conflict: when none of them is forked.
    """
    with transaction.atomic():
        forked = _in_state(hosts_locked(caller, ids), HostState.FORKED)
        _refuse_nothing(forked, "none of these identities is used twice")
        _move(forked, HostState.ACTIVE)
        HostLive.objects.filter(host__in=forked).update(**NO_BOOTS)
        for host in forked:
            transaction.on_commit(partial(live_store().drop, host.pk))
        _note(caller, forked, "host.fork_resolved", now=now)
        return len(forked)


def hosts_locked(caller: Caller, ids: Iterable[uuid.UUID]) -> list[Host]:
    """The hosts of the caller's workspace, locked in one order so that callers cannot deadlock.

    Raises:
        Invalid: for no host at all, or more than 5,000.
        NotFound: when one of them is not in the workspace.
    """
    wanted = set(ids)
    if not 1 <= len(wanted) <= MAX_HOSTS:
        message = "choose at least one host" if not wanted else f"choose at most {MAX_HOSTS} hosts"
        raise Invalid(message, fields={"host": message})
    rows = Host.objects.of(caller.workspace).select_for_update().filter(pk__in=wanted)
    found = list(rows.order_by("pk"))
    if len(found) != len(wanted):
        message = "no such host"
        raise NotFound(message)
    return found


def forget_after_commit(keys: Iterable[uuid.UUID]) -> None:
    """Make the live store ask the rows again; before the commit it would read the old ones."""
    wanted = list(keys)

    def forget() -> None:
        for key in wanted:
            live_store().forget(key)

    transaction.on_commit(forget)


def _in_state(hosts: Iterable[Host], state: HostState) -> list[Host]:
    return [host for host in hosts if host.state == state]


def _with_key(hosts: Sequence[Host], *, revoked: bool) -> list[Host]:
    rows = Agent.objects.filter(host__in=hosts, revoked_at__isnull=not revoked)
    keys = set(rows.values_list("host_id", flat=True))
    return [host for host in hosts if host.pk in keys and host.state != HostState.RETIRED]


def _move(hosts: Sequence[Host], state: HostState) -> None:
    Host.unscoped.filter(pk__in=[host.pk for host in hosts]).update(state=state)


def _refuse_nothing(hosts: Sequence[Host], message: str) -> None:
    if not hosts:
        raise Conflict(message)


def _note(caller: Caller, hosts: Sequence[Host], verb: str, *, now: datetime) -> None:
    changes = [audit.Change(verb, str(host.pk), {"name": host.name}) for host in hosts]
    audit.record_many(caller.workspace, changes, actor=caller.user.email, now=now)
    forget_after_commit(host.pk for host in hosts)
