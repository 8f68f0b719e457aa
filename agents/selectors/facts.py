"""Reading stored facts back: the bodies that hold for a host, and the evaluator's document."""

import json
import uuid
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from agents.facts.containers import LABELS, ContainerPart
from agents.facts.document import build_document
from agents.models import Blob, Container, ContainerFacts, Host, HostSection
from agents.selectors.samples import host_samples

SLICE_ROWS = 500
GZIP_WBITS = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class HostFacts:
    """Everything one host reported as of one moment; ``number`` is that of its index."""

    host: Host
    number: int
    root: str
    collected_at: datetime
    sections: Mapping[str, Mapping[str, Any]]
    containers: tuple[ContainerPart, ...]
    container_rows: Mapping[str, Container]

    def document(self, *, policy: Mapping[str, object], now: datetime) -> dict[str, Any]:
        """The document that checks read; four queries for the samples in it."""
        return build_document(
            sections=self.sections,
            containers=self.containers,
            policy=policy,
            now=now,
            collected_at=self.collected_at,
            assignments=self.assignments(),
            samples=host_samples(self.host, now=now),
        )

    def assignments(self) -> dict[str, Mapping[str, str]]:
        """What people said of the containers: the host's labels that checks read, for each one."""
        said = {name: self.host.labels[name] for name in LABELS if name in self.host.labels}
        return {part.key: said for part in self.containers} if said else {}


def facts_of(host_id: uuid.UUID | str, *, at: datetime | None = None) -> HostFacts | None:
    """What the host reported last, or what held at ``at``; None before its first index.

    Four queries, and one per 500 bodies.
    """
    with transaction.atomic():
        host = Host.unscoped.select_related("workspace").get(pk=host_id)
        if host.facts_at is None:
            return None
        section_rows = list(HostSection.objects.filter(_held(at), host=host))
        link_rows = list(
            ContainerFacts.objects.filter(_held(at), container__host=host).select_related(
                "container"
            )
        )
    wanted = [row.blob_id for row in section_rows if row.blob_id is not None]
    for link in link_rows:
        wanted += [link.identity_id, link.posture_id]
    bodies = read_bodies(wanted)
    return HostFacts(
        host=host,
        number=host.facts_number,
        root=host.facts_root,
        collected_at=host.facts_at if at is None else at,
        sections={row.section: _section(row, bodies) for row in section_rows},
        containers=tuple(
            ContainerPart(
                key=link.container.key,
                identity=bodies[link.identity_id],
                posture=bodies[link.posture_id],
                first_seen=link.container.first_seen,
            )
            for link in sorted(link_rows, key=lambda link: link.container.key)
        ),
        container_rows={link.container.key: link.container for link in link_rows},
    )


def read_bodies(ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Stored bodies as JSON values, by blob id."""
    wanted, found = sorted(set(ids)), {}
    for start in range(0, len(wanted), SLICE_ROWS):
        rows = Blob.objects.filter(pk__in=wanted[start : start + SLICE_ROWS])
        for pk, body in rows.values_list("pk", "body"):
            found[pk] = json.loads(zlib.decompress(bytes(body), GZIP_WBITS))
    return found


def _held(at: datetime | None) -> Q:
    if at is None:
        return Q(valid_to__isnull=True)
    return Q(valid_from__lte=at) & (Q(valid_to__isnull=True) | Q(valid_to__gt=at))


def _section(row: HostSection, bodies: Mapping[int, dict[str, Any]]) -> Mapping[str, Any]:
    if row.blob_id is None:
        return {"error": row.error.get("err", ""), "needs": row.error.get("need", "")}
    return bodies[row.blob_id]
