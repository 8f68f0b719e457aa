"""What people say of hosts: how critical they are, and their labels. All of them or none.

Criticality moves the impact of a host's findings; the labels ``criticality``, ``sensitivity`` and
``owner`` hold for its containers and are read by checks. A change of either judges the host anew.
"""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from agents.facts.containers import LABELS
from agents.models import Criticality, Host
from agents.services.events import ASSIGNMENT_CHANGED
from agents.services.hosts import forget_after_commit, hosts_locked
from agents.services.labels import MAX_LABELS, checked_labels
from workbench.core import audit
from workbench.core.access.request import Caller
from workbench.core.errors import Invalid
from workbench.core.work import items

COLUMNS = ("criticality", "labels", "assignment_number")


@dataclass(frozen=True, slots=True)
class Assignment:
    """What shall be so from now on; an empty criticality leaves it as it is."""

    criticality: str = ""
    add: Mapping[str, str] = field(default_factory=dict)
    remove: Sequence[str] = ()


def host_label(
    caller: Caller,
    ids: Sequence[uuid.UUID],
    *,
    add: Mapping[str, str],
    remove: Sequence[str] = (),
    now: datetime,
) -> int:
    """Give labels to hosts and take others away; see ``host_assign``."""
    return host_assign(caller, ids, Assignment(add=add, remove=remove), now=now)


def host_set_criticality(
    caller: Caller, ids: Sequence[uuid.UUID], *, criticality: str, now: datetime
) -> int:
    """Say how much depends on hosts; see ``host_assign``."""
    return host_assign(caller, ids, Assignment(criticality=criticality), now=now)


def host_assign(
    caller: Caller, ids: Sequence[uuid.UUID], wanted: Assignment, *, now: datetime
) -> int:
    """Make criticality and labels so; returns how many hosts were not so before.

    Raises:
        Invalid: for a criticality or label that cannot be.
        NotFound: when one of the hosts is not in the workspace; none is changed then.
    """
    _check(wanted)
    with transaction.atomic():
        changed, changes, judged_anew = [], [], []
        for host in hosts_locked(caller, ids):
            before, read_before = _said(host), _read_by_checks(host)
            _apply(host, wanted)
            if _said(host) == before:
                continue
            _check_number(host)
            if _read_by_checks(host) != read_before:
                host.assignment_number += 1
                judged_anew.append(str(host.pk))
            changed.append(host)
            changes.append(audit.Change("host.assigned", str(host.pk), before, _said(host)))
        _store(caller, changed, changes, now=now)
        items.want_many(ASSIGNMENT_CHANGED, judged_anew, now=now)
        return len(changed)


def _store(
    caller: Caller, hosts: Sequence[Host], changes: Iterable[audit.Change], *, now: datetime
) -> None:
    # One statement per distinct outcome, of which there are few: with Django's bulk update 5,000
    # hosts took four times as long.
    alike: dict[tuple[str, str, int], list[Host]] = {}
    for host in hosts:
        outcome = (
            host.criticality,
            json.dumps(host.labels, sort_keys=True),
            host.assignment_number,
        )
        alike.setdefault(outcome, []).append(host)
    for same in alike.values():
        values = {name: getattr(same[0], name) for name in COLUMNS}
        Host.unscoped.filter(pk__in=[host.pk for host in same]).update(**values)
    audit.record_many(caller.workspace, changes, actor=caller.user.email, now=now)
    forget_after_commit(host.pk for host in hosts)


def _check(wanted: Assignment) -> None:
    if wanted.criticality and wanted.criticality not in Criticality.values:
        message = f"choose one of {', '.join(Criticality.values)}"
        raise Invalid(message, fields={"criticality": message})
    checked_labels(wanted.add)


def _check_number(host: Host) -> None:
    if len(host.labels) > MAX_LABELS:
        message = f"{host.name} would have more than {MAX_LABELS} labels"
        raise Invalid(message, fields={"labels": message})


def _apply(host: Host, wanted: Assignment) -> None:
    host.criticality = wanted.criticality or host.criticality
    kept = {name: value for name, value in host.labels.items() if name not in wanted.remove}
    host.labels = {**kept, **checked_labels(wanted.add)}


def _said(host: Host) -> dict[str, object]:
    return {"criticality": host.criticality, "labels": dict(host.labels)}


def _read_by_checks(host: Host) -> tuple[object, ...]:
    return (host.criticality, *(host.labels.get(name) for name in LABELS))
