"""Linking containers to their facts over time."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from agents.models import Container, ContainerFacts, Host
from agents.services import blobs

# Key of a container, digest of its identity, digest of its posture.
Row = tuple[str, str, str]
COLUMNS = {
    "container_id": ("id", 128),
    "name": ("name", 255),
    "runtime": ("runtime", 64),
    "image_reference": ("image_reference", 512),
    "state": ("state", 16),
}


def link(
    host: Host,
    listed: Sequence[Row],
    *,
    gone: Collection[str] | None = None,
    ids: Mapping[str, int],
    now: datetime,
) -> int:
    """Link containers to their facts from now on; returns how many are new.

    With ``gone`` the others stay as they are; without it ``listed`` is everything there is.
    """
    rows = Container.unscoped.filter(host=host, gone_at=None)
    keys = {key for key, _, _ in listed}
    if gone is not None:
        rows = rows.filter(key__in=keys | set(gone))
    alive = {row.key: row for row in rows}
    ended = [row.pk for key, row in alive.items() if key not in keys]
    if ended:
        Container.unscoped.filter(pk__in=ended).update(gone_at=now)
        ContainerFacts.objects.filter(container__in=ended, valid_to=None).update(valid_to=now)
    begun = [
        Container(host=host, workspace_id=host.workspace_id, key=key, first_seen=now)
        for key in sorted(keys - alive.keys())
    ]
    Container.unscoped.bulk_create(begun, batch_size=500)
    alive |= {row.key: row for row in begun}
    changed = _link_facts(listed, alive, ids=ids, now=now)
    _note_identity(changed)
    return len(begun)


def current(host: Host) -> dict[str, list[str]]:
    """The digests of identity and posture that hold, by key. One query."""
    rows = ContainerFacts.objects.filter(container__host=host, valid_to=None)
    columns = rows.values_list("container__key", "identity__digest", "posture__digest")
    return {key: [identity, posture] for key, identity, posture in columns}


def _link_facts(
    listed: Sequence[Row],
    alive: Mapping[str, Container],
    *,
    ids: Mapping[str, int],
    now: datetime,
) -> list[tuple[Container, int]]:
    """Begin new facts where a digest changed; returns containers whose identity is new."""
    pks = [alive[key].pk for key, _, _ in listed]
    current = {
        row.container_id: row
        for row in ContainerFacts.objects.filter(container__in=pks, valid_to=None)
    }
    ended, begun, renamed = [], [], []
    for key, identity, posture in listed:
        container, pair = alive[key], (ids[identity], ids[posture])
        row = current.get(container.pk)
        if row is not None and (row.identity_id, row.posture_id) == pair:
            continue
        if row is not None:
            ended.append(row.pk)
        if row is None or row.identity_id != pair[0]:
            renamed.append((container, pair[0]))
        begun.append(
            ContainerFacts(
                container=container, identity_id=pair[0], posture_id=pair[1], valid_from=now
            )
        )
    if ended:
        ContainerFacts.objects.filter(pk__in=ended).update(valid_to=now)
    ContainerFacts.objects.bulk_create(begun, batch_size=500)
    return renamed


def _note_identity(changed: Sequence[tuple[Container, int]]) -> None:
    """Copy to the container rows what lists show."""
    if not changed:
        return
    bodies = blobs.bodies_of(blob_id for _, blob_id in changed)
    for container, blob_id in changed:
        facts: dict[str, Any] = json.loads(bodies[blob_id])["facts"]
        for column, (name, max_characters) in COLUMNS.items():
            value = facts.get(name)
            text = value if isinstance(value, str) else ""
            setattr(container, column, text[:max_characters])
    Container.unscoped.bulk_update([row for row, _ in changed], list(COLUMNS), batch_size=200)
