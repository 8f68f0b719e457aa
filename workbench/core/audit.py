"""The audit log: a hash chain per workspace, written in the transaction of the change."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from workbench.core.models import AuditEntry, Workspace

FIRST_PREV_HASH = "0" * 64


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 over the canonical form of every column but the hash itself."""
    fields = {
        "workspace": str(entry.workspace_id),
        "number": entry.number,
        "at": entry.at.astimezone(UTC).isoformat(),
        "actor": entry.actor,
        "verb": entry.verb,
        "target": entry.target,
        "before": entry.before,
        "after": entry.after,
        "reason": entry.reason,
        "prev_hash": entry.prev_hash,
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one thing."""

    verb: str
    target: str
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


def record(
    workspace: Workspace,
    *,
    actor: str,
    verb: str,
    target: str,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Append one entry. Must run inside the transaction that makes the change.

    The workspace row is locked, so that numbers have no gap and the chain has no fork.
    """
    change = Change(verb, target, before or {}, after or {})
    return record_many(workspace, [change], actor=actor, now=now, reason=reason)[0]


def record_many(
    workspace: Workspace,
    changes: Iterable[Change],
    *,
    actor: str,
    now: datetime,
    reason: str = "",
) -> list[AuditEntry]:
    """Append one entry per change, in order, with a fixed number of queries per 500.

    Must run inside the transaction that makes the changes, as ``record``.
    """
    if not transaction.get_connection().in_atomic_block:
        message = "audit entries are written inside the transaction of the change"
        raise RuntimeError(message)
    # Not the key: rows that refer to the workspace are inserted all the time, and would wait.
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)
    last = AuditEntry.objects.of(workspace).order_by("-number").first()
    entries: list[AuditEntry] = []
    for change in changes:
        last = AuditEntry(
            workspace=workspace,
            number=last.number + 1 if last else 1,
            at=now,
            actor=actor[:254],
            verb=change.verb,
            target=change.target[:200],
            before=dict(change.before),
            after=dict(change.after),
            reason=reason[:1000],
            prev_hash=last.hash if last else FIRST_PREV_HASH,
        )
        last.hash = entry_hash(last)
        entries.append(last)
    AuditEntry.unscoped.bulk_create(entries, batch_size=500)
    return entries


def first_bad_number(entries: Iterable[AuditEntry]) -> int | None:
    """The number of the first entry that does not fit the chain, or None when it is whole.

    ``entries`` are those of one workspace, ordered by number from 1.
    """
    prev_hash, expected = FIRST_PREV_HASH, 1
    for entry in entries:
        broken = entry.number != expected or entry.prev_hash != prev_hash
        if broken or entry.hash != entry_hash(entry):
            return expected
        prev_hash, expected = entry.hash, expected + 1
    return None
