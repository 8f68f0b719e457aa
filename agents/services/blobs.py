"""Storing bodies of facts by digest, each checked before it is kept."""

import gzip
import hashlib
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from django.conf import settings
from django.db import transaction

from agents.facts.canonical import canonical_bytes
from agents.facts.secret_text import cleaned_value
from agents.models import Blob, Host
from agents.services import quotas
from workbench.core.door.decode import parse
from workbench.core.door.limits import Limits
from workbench.core.errors import Invalid
from workbench.core.models import Workspace

GZIP_LEVEL = 6
SLICE_ROWS = 500


def checked_bodies(texts: Mapping[str, str], *, limits: Limits) -> dict[str, bytes]:
    """The bodies as bytes, by digest.

    Raises:
        Invalid: for a body that is not the object its digest names, or that the door refuses.
    """
    return {digest: checked_body(digest, text, limits=limits) for digest, text in texts.items()}


def checked_body(digest: str, text: str, *, limits: Limits) -> bytes:
    """One body as bytes, without what looks like a secret; raises as ``checked_bodies``.

    Agents clean before they send. Where one did not, what is stored differs from what it sent and
    keeps the digest of that, so that neither side asks for the body again.
    """
    raw = text.encode("utf-8")
    if hashlib.sha256(raw).hexdigest() != digest:
        message = f"a body does not have the digest {digest[:12]}…"
        raise Invalid(message)
    body = parse(raw, limits=limits)
    if not isinstance(body, dict) or not isinstance(body.get("facts"), dict):
        message = f"the body {digest[:12]}… is not an object with facts"
        raise Invalid(message)
    if not isinstance(body.get("unknowns", []), list):
        message = f"the body {digest[:12]}… has unknowns that are no list"
        raise Invalid(message)
    clean = cleaned_value(body, settings.SECRET_KEY.encode())
    return raw if clean == body else canonical_bytes(clean)


def blobs_take(host: Host, bodies: Mapping[str, bytes], *, now: datetime) -> None:
    """Keep bodies that an index reply asked for; what is there already costs one query.

    Raises:
        QuotaExceeded, QuotaTooLarge: over the allowance of the host or of its workspace.
    """
    new = bodies.keys() - ids_of(host.workspace_id, bodies).keys()
    if not new:
        return
    with transaction.atomic():
        rows = Host.unscoped.select_related("workspace")
        rows = rows.select_for_update(of=("self",), no_key=True)
        host = rows.get(pk=host.pk)
        store_within(host, {digest: bodies[digest] for digest in new}, now=now)
        host.save(update_fields=["usage"])


def store_within(host: Host, bodies: Mapping[str, bytes], *, now: datetime) -> None:
    """Insert bodies at the cost of a locked host, whose ``usage`` the caller saves.

    Raises:
        QuotaExceeded, QuotaTooLarge: as ``blobs_take``.
    """
    raw_bytes = sum(map(len, bodies.values()))
    usage = quotas.usage_of(host, now=now).spend(raw_bytes=raw_bytes)
    quotas.check_storage(host.workspace, more_bytes=raw_bytes)
    store(host.workspace, bodies, now=now)
    host.usage = usage.as_json()


def store(workspace: Workspace, bodies: Mapping[str, bytes], *, now: datetime) -> None:
    """Insert what is not there yet, sorted by digest: unsorted shared rows deadlock (measured)."""
    rows = [
        Blob(
            workspace=workspace,
            digest=digest,
            raw_bytes=len(bodies[digest]),
            body=gzip.compress(bodies[digest], GZIP_LEVEL, mtime=0),
            stored_at=now,
        )
        for digest in sorted(bodies)
    ]
    Blob.objects.bulk_create(rows, ignore_conflicts=True, batch_size=SLICE_ROWS)


def ids_of(workspace: Workspace | uuid.UUID, digests: Iterable[str]) -> dict[str, int]:
    """The ids of those digests that are stored."""
    found: dict[str, int] = {}
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), SLICE_ROWS):
        rows = Blob.objects.filter(
            workspace=workspace, digest__in=wanted[start : start + SLICE_ROWS]
        )
        found.update(rows.values_list("digest", "pk"))
    return found


def bodies_of(ids: Iterable[int]) -> dict[int, bytes]:
    """The raw bytes of stored bodies by id."""
    wanted = sorted(set(ids))
    found: dict[int, bytes] = {}
    for start in range(0, len(wanted), SLICE_ROWS):
        rows = Blob.objects.filter(pk__in=wanted[start : start + SLICE_ROWS])
        found.update(
            (pk, gzip.decompress(bytes(body))) for pk, body in rows.values_list("pk", "body")
        )
    return found
