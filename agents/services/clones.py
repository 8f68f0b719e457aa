"""Two machines under one identity: how that is recorded, and how it ends.

``agents.live.lineage`` finds it out from boots and counters. While a host is forked its facts stay
as they were, and both machines are answered 409. It ends when one of them enrols again, when a
person says so, or when only one of them turns out to be alive.
"""

import uuid
from datetime import datetime

from django.db import transaction

from agents.live.base import Beat
from agents.live.store import live_store
from agents.models import Host, HostLive, HostState
from workbench.core import audit


def fork_note(beat: Beat, *, now: datetime) -> None:
    """Freeze the host and write the one alert; later proofs of the same fork change nothing."""
    with transaction.atomic():
        if not _move(beat.host_id, HostState.ACTIVE, HostState.FORKED):
            return
        HostLive.objects.filter(host_id=beat.host_id).update(forked_at=now, rival_boot=beat.boot)
        _record(beat.host_id, "host.forked", {"rival_boot": beat.boot}, now=now)


def rollback_note(beat: Beat, *, now: datetime) -> None:
    """Take facts again: one machine that was set back to a snapshot, not two."""
    with transaction.atomic():
        if not _move(beat.host_id, HostState.FORKED, HostState.ACTIVE):
            return
        HostLive.objects.filter(host_id=beat.host_id).update(
            rolled_back_at=now, rival_boot="", boot=beat.boot, counter=beat.counter
        )
        _record(beat.host_id, "host.rolled_back", {"boot": beat.boot}, now=now)


def fork_settle(host: Host, *, reason: str, now: datetime) -> None:
    """One of the two machines has an identity of its own now; whoever reports next is the host.

    Runs inside the caller's transaction. Nothing happens to a host that is not forked.
    """
    if not _move(host.pk, HostState.FORKED, HostState.ACTIVE):
        return
    host.state = HostState.ACTIVE
    boots_reset(host, now=now)
    audit.record(
        host.workspace,
        actor=f"agent:{host.pk}",
        verb="host.fork_settled",
        target=str(host.pk),
        now=now,
        reason=reason,
    )


def boots_reset(host: Host, *, now: datetime) -> None:
    """Begin a new line of boots and counters, and note that the host was heard."""
    HostLive.objects.update_or_create(
        host=host,
        defaults={
            "last_seen": now,
            "boot": "",
            "counter": 0,
            "previous_boot": "",
            "previous_counter": 0,
            "rival_boot": "",
        },
    )
    transaction.on_commit(lambda: live_store().drop(host.pk))


def _move(host_id: uuid.UUID, before: HostState, after: HostState) -> bool:
    return bool(Host.unscoped.filter(pk=host_id, state=before).update(state=after))


def _record(host_id: uuid.UUID, verb: str, after: dict[str, str], *, now: datetime) -> None:
    host = Host.unscoped.select_related("workspace").get(pk=host_id)
    audit.record(
        host.workspace,
        actor=f"agent:{host_id}",
        verb=verb,
        target=str(host_id),
        now=now,
        after={"name": host.name, **after},
    )
